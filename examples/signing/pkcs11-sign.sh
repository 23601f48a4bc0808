#!/bin/sh
# Signs standard input with a key in a PKCS #11 token, for `gatehouse sign --key-command`: SHA-256, then ECDSA in the token, DER on standard output.
# PKCS11_MODULE, PKCS11_TOKEN and PKCS11_KEY_ID say where the key is; the PIN comes from PKCS11_PIN and stands on no command line.
set -eu
openssl dgst -sha256 -binary |
  pkcs11-tool --module "$PKCS11_MODULE" --token-label "$PKCS11_TOKEN" --login --pin env:PKCS11_PIN --id "$PKCS11_KEY_ID" \
    --sign --mechanism ECDSA --signature-format openssl
