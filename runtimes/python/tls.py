"""The module `ssl`, as far as HTTP clients use it.

The host encrypts, and checks the server's certificate with the authorities it
knows, whatever a context says.
"""

import absent
import wire

OPTIONS = """
ALL CIPHER_SERVER_PREFERENCE ENABLE_KTLS ENABLE_MIDDLEBOX_COMPAT IGNORE_UNEXPECTED_EOF
LEGACY_SERVER_CONNECT NO_COMPRESSION NO_RENEGOTIATION NO_SSLv2 NO_SSLv3 NO_TICKET NO_TLSv1
NO_TLSv1_1 NO_TLSv1_2 NO_TLSv1_3 SINGLE_DH_USE SINGLE_ECDH_USE
""".split()

VERSION = (3, 0, 0, 0, 0)


def fill(ssl):
    """Makes `ssl` the module."""
    ssl.__doc__ = __doc__
    fill_constants(ssl)
    fill_errors(ssl)
    fill_context(ssl)
    for name in ("get_server_certificate", "MemoryBIO", "SSLObject"):
        setattr(ssl, name, absent.refuse(absent.SOCKETS, f"ssl.{name}"))


def fill_constants(ssl):
    from collections import namedtuple
    from enum import IntEnum, IntFlag

    ssl.OPENSSL_VERSION = "OpenSSL 3.0.0 (none: the host encrypts)"
    ssl.OPENSSL_VERSION_INFO = VERSION
    ssl.OPENSSL_VERSION_NUMBER = 0x30000000
    for name in ("ECDH", "NEVER_CHECK_COMMON_NAME", "SNI", "TLSv1_2", "TLSv1_3"):
        setattr(ssl, f"HAS_{name}", True)
    for name in ("ALPN", "NPN", "PSK", "SSLv2", "SSLv3", "TLSv1", "TLSv1_1"):
        setattr(ssl, f"HAS_{name}", False)

    def kind(base, name, prefix, members):
        made = base(name, members, module="ssl")
        setattr(ssl, name, made)
        for member in made:
            if prefix is not None:
                setattr(ssl, prefix + member.name, member)

    kind(IntEnum, "VerifyMode", "", {"CERT_NONE": 0, "CERT_OPTIONAL": 1, "CERT_REQUIRED": 2})
    flags = {"DEFAULT": 0, "X509_STRICT": 0x20, "X509_TRUSTED_FIRST": 0x8000}
    flags |= {"ALLOW_PROXY_CERTS": 0x40, "X509_PARTIAL_CHAIN": 0x80000}
    flags |= {"CRL_CHECK_LEAF": 4, "CRL_CHECK_CHAIN": 12}
    kind(IntFlag, "VerifyFlags", "", {f"VERIFY_{name}": value for name, value in flags.items()})
    # A flag without a bit is not among the members.
    ssl.VERIFY_DEFAULT = ssl.VerifyFlags(0)
    ssl.VERIFY_CRL_CHECK_CHAIN = ssl.VerifyFlags(12)
    options = {f"OP_{name}": 1 << bit for bit, name in enumerate(OPTIONS)}
    kind(IntFlag, "Options", "", options)
    protocols = {"TLS": 2, "TLS_CLIENT": 16, "TLS_SERVER": 17, "TLSv1_2": 5}
    protocols = {f"PROTOCOL_{name}": value for name, value in protocols.items()}
    kind(IntEnum, "_SSLMethod", "", protocols)
    ssl.PROTOCOL_SSLv23 = ssl.PROTOCOL_TLS
    versions = {"MINIMUM_SUPPORTED": -2, "SSLv3": 768, "TLSv1": 769, "TLSv1_1": 770}
    versions |= {"TLSv1_2": 771, "TLSv1_3": 772, "MAXIMUM_SUPPORTED": -1}
    kind(IntEnum, "TLSVersion", None, versions)
    purposes = {"SERVER_AUTH": "1.3.6.1.5.5.7.3.1", "CLIENT_AUTH": "1.3.6.1.5.5.7.3.2"}
    ssl.Purpose = namedtuple("Purpose", purposes, module="ssl")(**purposes)
    ssl.CHANNEL_BINDING_TYPES = []
    names = "cafile capath openssl_cafile_env openssl_cafile openssl_capath_env openssl_capath"
    paths = namedtuple("DefaultVerifyPaths", names, module="ssl")
    ssl.DefaultVerifyPaths = paths
    # None of the host's is to be found here.
    ssl.get_default_verify_paths = lambda: paths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


def fill_errors(ssl):
    class SSLError(OSError):
        library = reason = None

    ssl.SSLError = SSLError
    for name in ("ZeroReturn", "WantRead", "WantWrite", "Syscall", "EOF"):
        name = f"SSL{name}Error"
        setattr(ssl, name, type(name, (SSLError,), {"__module__": "ssl"}))
    SSLError.__module__, SSLError.__qualname__ = "ssl", "SSLError"
    names = {"__module__": "ssl"}
    failed = type("SSLCertVerificationError", (SSLError, ValueError), names)
    ssl.SSLCertVerificationError = ssl.CertificateError = failed
    ssl.socket_error = OSError


class SSLSocket(wire.Connection):
    """A connection of HTTPS."""

    @property
    def _sslobj(self):
        # Clients ask it what was agreed on.
        return self

    def getpeercert(self, binary_form=False):
        # The host has seen and checked it.
        return None if binary_form else {}

    def version(self):
        return None

    def cipher(self):
        return None

    def selected_alpn_protocol(self):
        return None

    selected_npn_protocol = compression = selected_alpn_protocol

    def do_handshake(self, block=False):
        pass

    def unwrap(self):
        return self

    def pending(self):
        return 0


def fill_context(ssl):
    class SSLContext:
        """What a client asks of a connection. The host does what it does."""

        sslsocket_class = SSLSocket

        def __init__(self, protocol=None):
            self.protocol = ssl.PROTOCOL_TLS if protocol is None else protocol
            is_client = self.protocol == ssl.PROTOCOL_TLS_CLIENT
            self.verify_mode = ssl.CERT_REQUIRED if is_client else ssl.CERT_NONE
            self.check_hostname = is_client
            self.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST
            self.options = ssl.OP_ALL | ssl.OP_NO_SSLv3
            self.minimum_version = ssl.TLSVersion.TLSv1_2
            self.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
            self.post_handshake_auth = False
            self.hostname_checks_common_name = False
            self.keylog_filename = self.sni_callback = None
            self.security_level = 1

        def nothing(self, *args, **kwargs):
            pass

        load_default_certs = load_verify_locations = set_default_verify_paths = nothing
        set_ciphers = set_alpn_protocols = set_npn_protocols = set_ecdh_curve = nothing
        load_dh_params = nothing
        del nothing

        def load_cert_chain(self, certfile, keyfile=None, password=None):
            raise wire.unsupported("it has no certificates of its own")

        def get_ca_certs(self, binary_form=False):
            return []

        def get_ciphers(self):
            return []

        def cert_store_stats(self):
            return {"x509": 0, "crl": 0, "x509_ca": 0}

        def session_stats(self):
            return {}

        def wrap_socket(self, sock, server_side=False, *args, server_hostname=None, **kwargs):
            if server_side or not isinstance(sock, wire.Connection):
                raise wire.unsupported("SSLContext.wrap_socket")
            if self.check_hostname and not server_hostname:
                raise ValueError("check_hostname requires server_hostname")
            return sock.secured(SSLSocket, server_hostname)

        wrap_bio = absent.refuse(absent.SOCKETS, "ssl.SSLContext.wrap_bio")

    SSLContext.__module__, SSLContext.__qualname__ = "ssl", "SSLContext"
    ssl.SSLContext, ssl.SSLSocket = SSLContext, SSLSocket

    def create_default_context(
        purpose=ssl.Purpose.SERVER_AUTH, *, cafile=None, capath=None, cadata=None
    ):
        return SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def _create_unverified_context(*args, **kwargs):
        context = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    for function in (create_default_context, _create_unverified_context):
        function.__module__, function.__qualname__ = "ssl", function.__name__
        setattr(ssl, function.__name__, function)
    ssl._create_default_https_context = create_default_context
    ssl._create_stdlib_context = _create_unverified_context


SSLSocket.__module__ = "ssl"
