//! Constants that a statement lets a module read: seed, environment and files.

/// Constants that a statement lets a module read through WASI, as options of `WITH (…)`.
///
/// They become part of the module that is created, and of its digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatedGrants {
    /// Seed of random numbers: `seed = 42`.
    pub seed: Option<u64>,
    /// Variables of the environment: `env = 'TZ=UTC'`, an option for each.
    pub variables: Vec<(String, String)>,
    /// Files: `data = '/ref/countries.csv => ''countries.csv'''`, an option for each.
    pub files: Vec<GrantedFile>,
}

/// File that a module may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedFile {
    /// Path by which the module opens it.
    pub path: String,
    /// Path of the file whose bytes the module gets, when the statement runs.
    pub source: String,
}

impl StatedGrants {
    /// Names of the options.
    pub const OPTIONS: [&'static str; 3] = ["seed", "env", "data"];

    /// Names of those that may be given several times.
    pub(crate) const LISTS: [&'static str; 2] = ["env", "data"];

    /// Returns true if nothing is stated.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds an option.
    ///
    /// # Errors
    ///
    /// A description of the expected value.
    pub(crate) fn add(&mut self, option: &str, value: &str) -> Result<(), String> {
        match option {
            "seed" => {
                let seed = value.parse();
                self.seed = Some(seed.map_err(|_| "a number from 0 to 18446744073709551615")?);
            }
            "env" => {
                let (name, value) = value.split_once('=').ok_or("'NAME=value'")?;
                if self.variables.iter().any(|(other, _)| other == name) {
                    return Err("one value for each variable".to_owned());
                }
                self.variables.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                let file = GrantedFile::parse(value);
                let file =
                    file.ok_or("'/path => ''file''', the path by which it is opened first")?;
                if self.files.iter().any(|other| other.path == file.path) {
                    return Err("one file for each path".to_owned());
                }
                self.files.push(file);
            }
        }
        Ok(())
    }
}

impl GrantedFile {
    /// Parses `/path => 'file'`, or with `→` for the arrow.
    fn parse(text: &str) -> Option<Self> {
        let (path, source) = text.split_once("=>").or_else(|| text.split_once('→'))?;
        let source = source.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        Some(Self {
            path: path.trim().to_owned(),
            source: source.replace("''", "'"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(options: &[(&str, &str)]) -> Result<StatedGrants, String> {
        let mut grants = StatedGrants::default();
        for (option, value) in options {
            grants.add(option, value)?;
        }
        Ok(grants)
    }

    #[test]
    fn options_are_added_up() {
        let grants = parsed(&[
            ("env", "TZ=UTC"),
            ("env", "EMPTY="),
            ("env", "EQUATION=a=b, c"),
            ("data", "/ref/c.csv => 'it''s.csv'"),
            ("data", "/x→'y'"),
            ("seed", "18446744073709551615"),
        ]);
        let grants = grants.unwrap();
        assert_eq!(grants.seed, Some(u64::MAX));
        let variables = [("TZ", "UTC"), ("EMPTY", ""), ("EQUATION", "a=b, c")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(grants.variables, variables);
        let files = [("/ref/c.csv", "it's.csv"), ("/x", "y")];
        let files = files.map(|(path, source)| GrantedFile {
            path: path.to_owned(),
            source: source.to_owned(),
        });
        assert_eq!(grants.files, files);
    }

    #[test]
    fn other_values_are_refused() {
        for option in [
            ("seed", "-1"),
            ("seed", "1.5"),
            ("env", "TZ"),
            ("data", "countries.csv"),
            ("data", "/ref => countries.csv"),
            ("data", "/ref 'countries.csv'"),
        ] {
            assert!(parsed(&[option]).is_err(), "{option:?}");
        }
        assert!(parsed(&[("env", "A=1"), ("env", "A=2")]).is_err());
        assert!(parsed(&[("data", "/a => 'x'"), ("data", "/a => 'y'")]).is_err());
    }
}
