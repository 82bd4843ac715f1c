//! Connection URLs, as libpq reads them: `postgresql://user:password@host:port,host:port/database?name=value`.

use super::error::ConnectError;
use super::parameter::Parameters;

const ORIGIN: &str = "the connection URL";

/// Whether `text` looks like a connection URL (and not like `key=value` or a database's name).
pub(crate) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| matches!(dialect(scheme), "postgres" | "postgresql"))
}

/// Reads a connection URL. A scheme such as `postgresql+asyncpg` of an application's `DATABASE_URL` counts as `postgresql`.
pub(crate) fn parse(text: &str) -> Result<Parameters, ConnectError> {
    let mut parameters = Parameters::default();
    let (_, rest) = text.split_once("://").ok_or_else(|| malformed("it has no ://"))?;
    // A user ends at the first @ that comes before the path, exactly as `conninfo_uri_parse_options` looks for it.
    let path_at = rest.find('/').unwrap_or(rest.len());
    let rest = match rest[..path_at].split_once('@') {
        Some((user_and_password, _)) => {
            let (user, password) = user_and_password.split_once(':').unwrap_or((user_and_password, ""));
            parameters.set("user", decoded(user)?, ORIGIN)?;
            parameters.set("password", decoded(password)?, ORIGIN)?;
            &rest[user_and_password.len() + 1..]
        }
        None => rest,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (places, database) = rest.split_once('/').unwrap_or((rest, ""));
    // A piece of a badly written password must not be shown as if it were a port.
    let may_hold_secret = database.contains('@') || query.contains('@');
    let (hosts, ports) = places_of(places, may_hold_secret)?;
    parameters.set("host", hosts, ORIGIN)?;
    parameters.set("port", ports, ORIGIN)?;
    parameters.set("dbname", decoded(database)?, ORIGIN)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| malformed("a parameter after ? has no ="))?;
        let (name, value) = (decoded(name)?, decoded(value)?);
        if name == "ssl" && value == "true" {
            // JDBC's spelling, which libpq accepts as well.
            parameters.set("sslmode", "require".to_owned(), ORIGIN)?;
        } else {
            parameters.set(&name, value, ORIGIN)?;
        }
    }
    Ok(parameters)
}

/// Hosts and ports, each joined by commas; both empty when none was given.
fn places_of(places: &str, may_hold_secret: bool) -> Result<(String, String), ConnectError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for place in places.split(',') {
        let (host, port) = if let Some(bracketed) = place.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').ok_or_else(|| malformed("an IPv6 address has no closing ]"))?;
            match after.strip_prefix(':') {
                Some(port) => (host.to_owned(), port),
                None if after.is_empty() => (host.to_owned(), ""),
                None => return Err(malformed("something other than a port follows the ] of an IPv6 address")),
            }
        } else {
            let (host, port) = place.split_once(':').unwrap_or((place, ""));
            (decoded(host)?, port)
        };
        if !port.is_empty() && port.parse::<u16>().is_err() {
            if may_hold_secret || port.contains(':') {
                return Err(malformed("what stands where the port belongs is no port number"));
            }
            return Err(ConnectError::InvalidValue {
                name: "port".to_owned(),
                value: port.to_owned(),
                expected: "a port is a number from 1 to 65535".to_owned(),
            });
        }
        hosts.push(host);
        ports.push(port.to_owned());
    }
    let joined = |parts: Vec<String>| if parts.iter().all(String::is_empty) { String::new() } else { parts.join(",") };
    Ok((joined(hosts), joined(ports)))
}

fn decoded(text: &str) -> Result<String, ConnectError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digit =
            |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|value| u8::try_from(value).ok());
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err(malformed("a % is not followed by two hexadecimal digits"));
        };
        bytes.push(high * 16 + low);
        rest = &rest[2..];
    }
    if bytes.contains(&0) {
        return Err(malformed("%00 is not allowed"));
    }
    String::from_utf8(bytes).map_err(|_| malformed("a percent-encoded value is not UTF-8"))
}

fn dialect(scheme: &str) -> &str {
    scheme.split('+').next().unwrap_or(scheme)
}

fn malformed(problem: &str) -> ConnectError {
    ConnectError::Malformed { what: "connection URL", problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &[(&str, &str)]) {
        let parameters = parse(url).expect(url);
        for (name, value) in expected {
            assert_eq!(parameters.get(name), Some(*value).filter(|value| !value.is_empty()), "{name} of {url}");
        }
    }

    #[test]
    fn reads_every_part() {
        check(
            "postgresql://ada:se%40cr%2Fet@db.example.com:6432/shop?sslmode=verify-full&application_name=x",
            &[
                ("user", "ada"),
                ("password", "se@cr/et"),
                ("host", "db.example.com"),
                ("port", "6432"),
                ("dbname", "shop"),
                ("sslmode", "verify-full"),
            ],
        );
    }

    #[test]
    fn every_part_may_be_missing() {
        check("postgres://", &[("user", ""), ("host", ""), ("port", ""), ("dbname", "")]);
        check("postgresql:///shop", &[("host", ""), ("dbname", "shop")]);
        check("postgresql://ada@/shop?host=/tmp", &[("user", "ada"), ("host", "/tmp"), ("dbname", "shop")]);
        check("postgresql://h?dbname=shop", &[("host", "h"), ("dbname", "shop")]);
    }

    #[test]
    fn reads_ipv6_sockets_and_several_hosts() {
        check("postgresql://[::1]:5433/d", &[("host", "::1"), ("port", "5433")]);
        check("postgresql://%2Fvar%2Frun/d", &[("host", "/var/run"), ("port", "")]);
        check("postgresql://a:1,b,[fe80::1]:3/d", &[("host", "a,b,fe80::1"), ("port", "1,,3")]);
    }

    #[test]
    fn an_applications_driver_suffix_and_jdbcs_ssl_are_understood() {
        assert!(is_url("postgresql+asyncpg://h/d"));
        check("postgresql+asyncpg://h/d?ssl=true", &[("host", "h"), ("sslmode", "require")]);
        assert!(!is_url("mysql://h/d"));
        assert!(!is_url("shop"));
        assert!(!is_url("host=a"));
    }

    #[test]
    fn unknown_parameters_are_named() {
        let error = parse("postgres://h/d?pool_size=3").err().expect("an error").to_string();
        assert!(error.contains("pool_size"), "{error}");
    }

    #[test]
    fn a_password_with_a_raw_slash_is_refused_without_showing_it() {
        let error = parse("postgres://ada:hunter/2@h/d").err().expect("an error").to_string();
        assert!(!error.contains("hunter"), "{error}");
        let error = parse("postgres://h:54e2/d").err().expect("an error").to_string();
        assert!(error.contains("54e2"), "{error}");
    }

    #[test]
    fn broken_escapes_are_refused() {
        for url in
            ["postgres://%zz/", "postgres://a%2", "postgres://a%00b", "postgres://a/%ff", "postgres://[::1", "postgres://a?b"]
        {
            assert!(parse(url).is_err(), "{url}");
        }
    }
}
