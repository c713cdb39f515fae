//! Bodies as text.

/// What a body of this type says, and whether its bytes are exactly that
/// text's. In Latin-1 and UTF-8; anything else is read as UTF-8 as far as it
/// is.
pub(super) fn text(bytes: Vec<u8>, content_type: Option<&str>) -> (String, Result<(), Vec<u8>>) {
    if is_latin_1(content_type) && !bytes.is_ascii() {
        let text = bytes.iter().map(|byte| char::from(*byte)).collect();
        return (text, Err(bytes));
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, Ok(())),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (text, Err(error.into_bytes()))
        }
    }
}

fn is_latin_1(content_type: Option<&str>) -> bool {
    let charset = content_type
        .into_iter()
        .flat_map(|value| value.split(';').skip(1))
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, charset)| charset.trim().trim_matches('"').to_ascii_lowercase());
    matches!(
        charset.as_deref(),
        Some("iso-8859-1" | "latin-1" | "latin1" | "iso_8859-1")
    )
}

#[test]
fn text_by_charset() {
    let exact = |text: &str| (text.to_owned(), Ok(()));
    let utf_8 = "ä".as_bytes().to_vec();
    assert_eq!(text(utf_8.clone(), None), exact("ä"));
    assert_eq!(
        text(b"a".to_vec(), Some("x/y; charset=latin-1")),
        exact("a")
    );
    let latin = Some("text/html; q=1; Charset=\"ISO-8859-1\"");
    assert_eq!(text(vec![0xe4], latin), ("ä".to_owned(), Err(vec![0xe4])));
    assert_eq!(text(utf_8.clone(), latin).1, Err(utf_8));
    assert_eq!(
        text(vec![b'a', 0xe4], None),
        ("a\u{fffd}".to_owned(), Err(vec![b'a', 0xe4]))
    );
}
