//! URLs, parsed as browsers do.

use super::{
    answer::Answer,
    call::{Call, Failure},
};
use url::{Position, Url, quirks};

/// Bytes of a URL, far above what servers take: parsing makes a few copies.
const MAX_URL: usize = 1 << 20;

/// What `URL`'s fields are to the guest: their values, separated by NUL, in
/// the order of `FIELDS` in `url.js`.
fn fields(url: &Url) -> Answer {
    let fields = [
        url.as_str(),
        &quirks::origin(url),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::host(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    Answer::Text(fields.join("\0"))
}

fn limited(text: String) -> Result<String, Failure> {
    if text.len() > MAX_URL {
        return Err(Failure::Type(format!(
            "a URL may have at most {MAX_URL} bytes"
        )));
    }
    Ok(text)
}

/// A URL and perhaps a base; null if they make none.
pub(super) fn parse(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let text = limited(call.text(0)?)?;
    let base = if call.is_undefined(1)? {
        None
    } else {
        Some(limited(call.text(1)?)?)
    };
    let parsed = match base.map(|base| Url::parse(&base)) {
        None => Url::parse(&text),
        Some(Ok(base)) => base.join(&text),
        Some(Err(_)) => return Ok(Answer::Null),
    };
    Ok(parsed.map_or(Answer::Null, |url| fields(&url)))
}

/// A URL, a field's index, and its new value; null if it does not change.
pub(super) fn set(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let href = limited(call.text(0)?)?;
    let field = call.integer(1)?;
    let value = limited(call.text(2)?)?;
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(Answer::Null);
    };
    let result = match field {
        0 => quirks::set_href(&mut url, &value).map_err(|_| ()),
        2 => quirks::set_protocol(&mut url, &value),
        3 => quirks::set_username(&mut url, &value),
        4 => quirks::set_password(&mut url, &value),
        5 => quirks::set_host(&mut url, &value),
        6 => quirks::set_hostname(&mut url, &value),
        7 => quirks::set_port(&mut url, &value),
        8 => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        9 => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        10 => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
        _ => Err(()),
    };
    Ok(if result.is_ok() {
        fields(&url)
    } else {
        Answer::Null
    })
}

/// `file:` URL of a guest path.
pub(super) fn of_path(path: &str) -> String {
    match Url::parse("file:///") {
        Ok(mut url) => {
            url.set_path(path);
            url.into()
        }
        Err(_) => format!("file://{path}"),
    }
}

/// The guest path that a `file:` URL names.
pub(super) fn to_path(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "file")?;
    let path = &url[Position::BeforePath..Position::AfterPath];
    percent_decode(path)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%');
        let byte = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{of_path, to_path};

    #[test]
    fn paths_and_urls_agree() {
        for path in ["/app/main.mjs", "/a b/ü?.js", "/50%.js"] {
            assert_eq!(
                to_path(&of_path(path)).as_deref(),
                Some(path),
                "{}",
                of_path(path)
            );
        }
        assert_eq!(to_path("https://example.com/x"), None);
    }
}
