"""One module per part of the contract (docs/http.md): translate, call, answer."""
