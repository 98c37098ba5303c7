"""Files of deploy/ that follow from the code: broker users, manifests, rules, dashboards."""
