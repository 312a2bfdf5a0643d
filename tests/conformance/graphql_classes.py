"""What the judge of GraphQL learns of us: `NOT_FOUND`, the class of an error about a record that is not there.

It knows the labels of Apollo and graphql-java; theirs for such an error is the general BAD_REQUEST, which we sent before
the class became exact. Errors of the service itself are INTERNAL_SERVER_ERROR, and stay what it looks for.
"""

from schemathesis.specs.graphql import validation

validation.CLIENT_ERROR_MARKERS |= {"NOT_FOUND"}
