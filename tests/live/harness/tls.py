# SPDX-License-Identifier: Apache-2.0
"""An authority and a certificate of our own, and what clients need to trust them."""
import os
import ssl
import subprocess

from .servers import need


def certificate(folder):
    """(PEM file with a key and its certificate for localhost, PEM file of who signed it)"""
    pem, authority = os.path.join(folder, "server.pem"), os.path.join(folder, "ca.pem")
    if os.path.exists(pem):
        return pem, authority
    openssl, key, request = need("openssl"), os.path.join(folder, "ca.key"), os.path.join(folder, "server.csr")
    extensions = os.path.join(folder, "server.ext")
    with open(extensions, "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    for argv in (["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", authority, "-days", "30",
                  "-subj", "/CN=pxtrace test authority"],
                 ["req", "-newkey", "rsa:2048", "-nodes", "-keyout", pem, "-out", request, "-subj", "/CN=localhost"],
                 ["x509", "-req", "-in", request, "-CA", authority, "-CAkey", key, "-CAcreateserial", "-days", "30",
                  "-extfile", extensions, "-out", f"{pem}.cert"]):
        subprocess.run([openssl, *argv], check=True, capture_output=True)
    with open(pem, "a") as file, open(f"{pem}.cert") as cert:
        file.write(cert.read())
    return pem, authority


def context(authority, version=None):
    """What a client of ours takes; version: 2 or 3 for TLS 1.2 or 1.3 alone."""
    made = ssl.create_default_context(cafile=authority)
    if version:
        made.minimum_version = made.maximum_version = getattr(ssl.TLSVersion, f"TLSv1_{version}")
    return made
