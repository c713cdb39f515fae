//! Records what real programs ask the host for, as inputs of `host_call`:
//! `cargo run --release --bin record -- FOLDER PROGRAM...`

use dormouse::{
    Grants, GuestStore, Kv, Language, Limits, Mount, MountMode, Program, Sandbox,
    internals::boundary::{Got, set_hearer, set_network},
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Bytes of a request that is kept, and of an input.
const MOST: usize = 2048;

/// All granted: values by key, a mount to be changed, all hosts.
const GRANTED: [u8; 3] = [0x35, 0x0f, 0];

/// Operations of an input: a line, and a write as it is.
const LINE: u8 = 1;
const WRITE: u8 = 0;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("a folder for the inputs");
    let store = GuestStore::open_default().expect("a cache folder");
    let mounted = std::env::temp_dir().join(format!("dormouse-record-{}", std::process::id()));
    for program in args {
        let path = Path::new(&program);
        let language = match path.extension().and_then(|extension| extension.to_str()) {
            Some("py") => Language::Python,
            _ => Language::JavaScript,
        };
        let image = store.image(language, &mut |_| {}).expect("its image");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        set_hearer(Some(Arc::new(move |request: &[u8]| {
            hearing.lock().unwrap().push(request.to_vec());
        })));
        set_network(Some(Arc::new(|request| Got {
            status: 200,
            headers: Vec::new(),
            body: request.url.into_bytes(),
        })));
        std::fs::create_dir_all(&mounted).expect("a folder");
        let grants = Grants {
            kv: Kv::Memory,
            mounts: vec![Mount {
                guest: "/m".to_owned(),
                host: mounted.clone(),
                mode: MountMode::ReadWriteCreate,
            }],
            hosts: vec!["a.test".to_owned(), "127.0.0.1".to_owned()],
            ..Grants::default()
        };
        let limits = Limits {
            deadline: Some(Duration::from_secs(20)),
            ..Limits::default()
        };
        // Programs of the tests have their files elsewhere.
        let source = std::fs::read_to_string(path).expect("the program");
        let source = source.replace("/data", "/m");
        let sandbox = Sandbox::new(&image).grants(grants).limits(limits);
        let outcome = sandbox.run(Program::code(source)).expect("an outcome");
        let mut input = GRANTED.to_vec();
        for request in heard.lock().unwrap().iter().take(64) {
            if input.len() + request.len() < MOST {
                let is_short = request
                    .first()
                    .is_some_and(|byte| *byte == b'(' || byte.is_ascii_uppercase());
                input.push(if is_short { WRITE } else { LINE });
                input.extend(
                    u16::try_from(request.len())
                        .expect("it is short")
                        .to_le_bytes(),
                );
                input.extend(request);
            }
        }
        println!("{program}: {:?}, {} bytes", outcome.status, input.len());
        if input.len() > GRANTED.len() {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .replace('.', "-");
            std::fs::write(Path::new(&folder).join(name), input).expect("a file");
        }
        let _ = std::fs::remove_dir_all(&mounted);
    }
}
