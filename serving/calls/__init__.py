"""The calls of `/v1`: each module answers some of them, `every_call` lists them, `application` serves them."""
