"""The post: streams, the broker, delivery that neither loses nor doubles."""
