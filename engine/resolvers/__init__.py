"""The resolvers, one module a family: each is one declared function `value -> value`."""
