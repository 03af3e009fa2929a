"""Bearer tokens: who may read, write and administer over HTTP.

What enters: names and scopes. What leaves: a secret, once; later whose it is and what they may.
"""

from dicom_node.tokens.store import SCOPES, Scope, Token, Tokens

__all__ = ["SCOPES", "Scope", "Token", "Tokens"]
