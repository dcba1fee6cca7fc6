//! Documents say what is there.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_architecture_names_every_module_of_the_model() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    for entry in fs::read_dir(root().join("crates/model/src")).expect("the crate is there") {
        let name = entry
            .expect("entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name != "lib.rs" {
            let name = if Path::new(&name).extension().is_some() {
                name
            } else {
                format!("{name}/")
            };
            assert!(text.contains(&name), "ARCHITECTURE.md does not name {name}");
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for file in [
        "README.md",
        "docs/how-to/README.md",
        "docs/explanation/model.md",
    ] {
        let text = fs::read_to_string(root().join(file)).expect("it is there");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if !link.contains("://") {
                let target = root().join(file).parent().expect("a folder").join(link);
                assert!(target.exists(), "{file}: {link}");
            }
        }
    }
}
