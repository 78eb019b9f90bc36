"""An authenticator in software: what a browser and a passkey make of the desk's options (WebAuthn Level 3 §5.1.3, §5.1.4, §6), so that
tests need no browser, and can do what none would."""
import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, MAY_BE_BACKED_UP, BACKED_UP, HAS_CREDENTIAL = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def object_of(passkey_id):
    """How a gesture names a passkey that is to go: it is bound to the first 16 bytes of the hash of its id."""
    return hashlib.sha256(unb64(passkey_id)).digest()[:16].hex()


def cbor(value):
    """Canonical CBOR of the few kinds that occur here."""
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        return bytes([major << 5 | 24, n]) if n < 256 else bytes([major << 5 | 25]) + struct.pack(">H", n)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    pairs = sorted((cbor(k), cbor(v)) for k, v in value.items())
    return head(5, len(pairs)) + b"".join(k + v for k, v in sorted(pairs, key=lambda p: (len(p[0]), p[0])))


class Passkey:
    """One credential with ES256. `flags` and `origin` may be set to what an honest one would not say."""

    def __init__(self, origin, rp_id="localhost"):
        self.origin, self.rp_id = origin, rp_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.user, self.count = os.urandom(32), b"", 0
        self.flags = PRESENT | VERIFIED

    def client_data(self, kind, options):
        return json.dumps({"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False},
                          separators=(",", ":")).encode()

    def authenticator_data(self, flags=0, more=b""):
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([self.flags | flags]) + struct.pack(">I", self.count) + more

    def create(self, options):
        """RegistrationResponseJSON for PublicKeyCredentialCreationOptionsJSON."""
        self.user = unb64(options["user"]["id"])
        public = self.key.public_key().public_numbers()
        cose = cbor({1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")})
        credential = b"\0" * 16 + struct.pack(">H", len(self.id)) + self.id + cose
        data = self.authenticator_data(HAS_CREDENTIAL, credential)
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": {"clientDataJSON": b64(self.client_data("webauthn.create", options)), "transports": ["internal"],
                             "attestationObject": b64(cbor({"fmt": "none", "attStmt": {}, "authData": data}))}}

    def get(self, options):
        """AuthenticationResponseJSON for PublicKeyCredentialRequestOptionsJSON."""
        client = self.client_data("webauthn.get", options)
        data = self.authenticator_data()
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": {"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature),
                             "userHandle": b64(self.user)}}
