//! Which hosts a run may send requests to.

use crate::{Error, ErrorKind, HostError, HostErrorKind};
use std::net::IpAddr;
use url::{Host, Url};

/// The hosts of [`Grants::hosts`](crate::Grants), read once when a run starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowlist {
    entries: Vec<Entry>,
}

/// One allowed host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    host: Name,
    /// Only this one, if there is one.
    port: Option<u16>,
}

/// A host in the one form that it is compared in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// Lower case, Punycode, without a dot at its end.
    Domain(String),
    /// An IPv6 address that stands for an IPv4 one is that one.
    Address(IpAddr),
}

impl Name {
    fn of(host: Host<&str>) -> Self {
        match host {
            Host::Domain(name) => {
                Self::Domain(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
            }
            Host::Ipv4(address) => Self::Address(address.into()),
            Host::Ipv6(address) => Self::Address(IpAddr::from(address).to_canonical()),
        }
    }

    /// Whether `other` is this host or below it. An address has nothing below.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Domain(name), Self::Domain(other)) => other
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
            (Self::Address(address), Self::Address(other)) => address == other,
            _ => false,
        }
    }
}

impl Entry {
    /// Reads `HOST` or `HOST:PORT`; what is wrong with it otherwise.
    fn parse(text: &str) -> Result<Self, &'static str> {
        const NO_HOST: &str = "expected a host, such as example.com or localhost:8080";
        if text.contains("://") {
            return Err("leave out the scheme: a host is allowed for http and https");
        }
        if text.contains('*') {
            return Err("there are no patterns: a name allows its subdomains too");
        }
        if text.contains(['/', '\\', '?', '#', '@', '%']) || text.contains(char::is_whitespace) {
            return Err(NO_HOST);
        }
        if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
            let host = Name::of(Host::Ipv6(address));
            return Ok(Self { host, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => match port.parse() {
                Ok(port) if port != 0 => (host, Some(port)),
                _ => return Err("the port must be a number from 1 to 65535"),
            },
            _ => (text, None),
        };
        let labels = host.strip_suffix('.').unwrap_or(host);
        if labels.split('.').any(str::is_empty) {
            return Err(NO_HOST);
        }
        match Host::parse(host) {
            Ok(Host::Domain(name)) => Ok(Name::of(Host::Domain(&name))),
            Ok(Host::Ipv4(address)) => Ok(Name::of(Host::Ipv4(address))),
            Ok(Host::Ipv6(address)) => Ok(Name::of(Host::Ipv6(address))),
            Err(_) => Err(NO_HOST),
        }
        .map(|host| Self { host, port })
    }
}

impl Allowlist {
    /// Reads what was granted.
    pub(super) fn parse(hosts: &[String]) -> Result<Self, Error> {
        let entries = hosts.iter().map(|text| {
            Entry::parse(text).map_err(|problem| {
                let message = format!("the allowed host {text:?} is not one: {problem}");
                Error::new(ErrorKind::Grant, message)
            })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// Refuses `url` unless its host is allowed.
    pub(super) fn check(&self, url: &Url) -> Result<(), HostError> {
        let Some(host) = url.host() else {
            return Err(HostError::new(HostErrorKind::Invalid, "invalid url"));
        };
        let name = Name::of(host);
        let port = url.port_or_known_default();
        let allows = |entry: &Entry| {
            entry.host.covers(&name) && entry.port.is_none_or(|only| Some(only) == port)
        };
        if self.entries.iter().any(allows) {
            return Ok(());
        }
        let hosts = self.entries.iter().any(|entry| entry.host.covers(&name));
        let message = match url.port_or_known_default() {
            // Its port is what is wrong.
            Some(port) if hosts => format!("host not allowed: {}:{port}", shown(url)),
            _ => format!("host not allowed: {}", shown(url)),
        };
        Err(HostError::new(HostErrorKind::NotGranted, message))
    }
}

/// The host of `url` as a person reads it.
fn shown(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, url: &str) -> bool {
        let list = Allowlist::parse(&[entry.to_owned()]).expect("a host");
        let url = Url::parse(url).expect("a URL");
        list.check(&url).is_ok()
    }

    #[test]
    fn a_host_and_what_is_below_it() {
        for url in [
            "http://allowed.com/",
            "https://allowed.com:8443/x",
            "http://a.b.allowed.com/",
            "http://ALLOWED.com/",
            "http://allowed.com./",
            "http://evil@allowed.com/",
            "http://allowed.com\\@evil.com/",
        ] {
            assert!(allows("allowed.com", url), "{url}");
        }
        for url in [
            "http://allowed.com.evil.com/",
            "http://notallowed.com/",
            "http://evil.com/?allowed.com",
            "http://evil.com/#.allowed.com",
            "http://allowed.com@evil.com/",
            "http://allowed.com:80@evil.com/",
            "http://com/",
            "http://.com/",
        ] {
            assert!(!allows("allowed.com", url), "{url}");
        }
        assert!(allows("Bücher.example.", "http://xn--bcher-kva.example/"));
        assert!(allows("xn--bcher-kva.example", "http://BÜCHER.example/"));
    }

    #[test]
    fn addresses_match_only_themselves() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://[::ffff:127.0.0.1]/",
            "http://127.0.0.1./",
        ] {
            assert!(allows("127.0.0.1", url), "{url}");
            assert!(!allows("0.0.1", url), "{url}");
            assert!(!allows("localhost", url), "{url}");
        }
        assert!(!allows("127.0.0.1", "http://localhost/"));
        assert!(!allows("127.0.0.1", "http://x.127.0.0.1.com/"));
        assert!(allows("::1", "http://[0:0::1]/"));
        assert!(allows("[0:0:0::1]", "http://[::1]:99/"));
        assert!(!allows("::1", "http://[::2]/"));
    }

    #[test]
    fn a_port_allows_that_one() {
        assert!(allows("localhost:8080", "http://localhost:8080/"));
        assert!(allows("localhost:8080", "http://x.localhost:8080/"));
        assert!(!allows("localhost:8080", "http://localhost/"));
        assert!(!allows("localhost:8080", "http://localhost:8081/"));
        assert!(allows("localhost:80", "http://localhost/"));
        assert!(!allows("localhost:80", "https://localhost/"));
        assert!(allows("localhost:443", "https://localhost/"));
        assert!(allows("[::1]:8080", "http://[::1]:8080/"));
        assert!(!allows("[::1]:8080", "http://[::1]/"));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for wrong in [
            "",
            ".",
            " ",
            "*",
            "*.example.com",
            ".example.com",
            "a..b",
            "http://x/",
            "x/",
            "x?y",
            "user@x",
            "x:",
            "x:0",
            "x:99999",
            "x:y",
            ":80",
            "[::1",
            "1.2.3.4.5.6",
            "x y",
            "%65vil.com",
        ] {
            let error = Allowlist::parse(&[wrong.to_owned()]).expect_err(wrong);
            assert_eq!(error.kind(), ErrorKind::Grant);
            assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
        }
    }
}
