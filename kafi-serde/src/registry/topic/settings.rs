//! Configurations and modes: of a subject, of a context, of all; and what follows from them.

use std::time::Instant;

use kafi_core::Result;

use crate::registry::topic::record::Record;
use crate::registry::topic::{Topic, subject};
use crate::registry::{Code, CompatibilityLevel, Deleted, Mode, RegistryConfig};

const SET_CONFIG: &str = "set configuration";
const SET_MODE: &str = "set mode";

impl Topic {
    /// What applies to a subject: its own configuration, else that of its context, else that of all; each member by
    /// itself.
    pub fn config_in_scope(&self, subject: &str) -> RegistryConfig {
        let mut config = RegistryConfig::default();
        for scope in scopes(subject) {
            let Some(set) = self.state.config(scope.as_deref()) else { continue };
            config.compatibility = config.compatibility.or(set.compatibility);
            config.normalize = config.normalize.or(set.normalize);
            config.compatibility_group = config.compatibility_group.or_else(|| set.compatibility_group.clone());
            for (name, value) in &set.others {
                if !config.others.iter().any(|(known, _)| known == name) {
                    config.others.push((name.clone(), value.clone()));
                }
            }
        }
        config.compatibility = config.compatibility.or(Some(CompatibilityLevel::default()));
        config
    }

    /// The mode that applies to a subject. One that overrides all others does so.
    pub fn mode_in_scope(&self, subject: &str) -> Mode {
        if self.state.mode(None) == Some(Mode::ReadOnlyOverride) {
            return Mode::ReadOnlyOverride;
        }
        scopes(subject).into_iter().find_map(|scope| self.state.mode(scope.as_deref())).unwrap_or_default()
    }

    /// Refuses what changes a subject that is only read.
    pub fn check_writable(&self, operation: &'static str, subject: &str) -> Result<()> {
        match self.mode_in_scope(subject) {
            Mode::ReadOnly | Mode::ReadOnlyOverride => {
                Err(Code::NotPermitted.error(operation, format!("Subject {subject} is in read-only mode")))
            }
            _ => Ok(()),
        }
    }

    pub fn config(&self, subject: Option<&str>, inherited: bool) -> Result<RegistryConfig> {
        let Some(subject) = subject else {
            let mut config = self.state.config(None).cloned().unwrap_or_default();
            config.compatibility = config.compatibility.or(Some(CompatibilityLevel::default()));
            return Ok(config);
        };
        match self.state.config(Some(subject)) {
            Some(config) if !inherited => Ok(config.clone()),
            _ if inherited => Ok(self.config_in_scope(subject)),
            _ => Err(Code::SubjectConfigNotFound.error(
                "get configuration",
                format!("Subject '{subject}' does not have subject-level compatibility configured"),
            )),
        }
    }

    pub fn set_config(&mut self, subject: Option<&str>, config: &RegistryConfig, deadline: Instant) -> Result<()> {
        self.decide(deadline, |topic| {
            if let Some(subject) = subject {
                topic.check_name(SET_CONFIG, subject, true)?;
                topic.check_writable(SET_CONFIG, subject)?;
            }
            let mut all = topic.state.config(subject).cloned().unwrap_or_default();
            all.compatibility = config.compatibility.or(all.compatibility);
            all.normalize = config.normalize.or(all.normalize);
            all.compatibility_group = config.compatibility_group.clone().or(all.compatibility_group);
            all.alias = config.alias.clone().or(all.alias);
            all.others.retain(|(name, _)| !config.others.iter().any(|(new, _)| new == name));
            all.others.extend(config.others.iter().cloned());
            Ok((vec![Record::Config { subject: subject.map(str::to_string), value: Some(all) }], ()))
        })
    }

    pub fn delete_config(&mut self, subject: Option<&str>, deadline: Instant) -> Result<()> {
        self.decide(deadline, |topic| {
            if let Some(subject) = subject {
                topic.check_writable("delete configuration", subject)?;
                topic.config(Some(subject), false)?;
            }
            Ok((vec![Record::Config { subject: subject.map(str::to_string), value: None }], ()))
        })
    }

    pub fn mode(&self, subject: Option<&str>, inherited: bool) -> Result<Mode> {
        let Some(subject) = subject else { return Ok(self.state.mode(None).unwrap_or_default()) };
        match self.state.mode(Some(subject)) {
            Some(mode) => Ok(mode),
            None if inherited => Ok(self.mode_in_scope(subject)),
            None => Err(Code::SubjectModeNotFound
                .error("get mode", format!("Subject '{subject}' does not have subject-level mode configured"))),
        }
    }

    pub fn set_mode(&mut self, subject: Option<&str>, mode: Mode, force: bool, deadline: Instant) -> Result<()> {
        self.decide(deadline, |topic| {
            if let Some(subject) = subject {
                topic.check_name(SET_MODE, subject, true)?;
                if mode == Mode::ReadOnlyOverride {
                    return Err(Code::InvalidMode.error(SET_MODE, "READONLY_OVERRIDE is a mode of all subjects only"));
                }
            }
            let is_import = mode == Mode::Import && topic.mode(subject, true)? != Mode::Import;
            if is_import && !force && topic.has_schemas(subject) {
                return Err(Code::NotPermitted.error(SET_MODE, "Cannot import since found existing subjects"));
            }
            Ok((vec![Record::Mode { subject: subject.map(str::to_string), value: Some(mode) }], ()))
        })
    }

    pub fn delete_mode(&mut self, subject: Option<&str>, deadline: Instant) -> Result<()> {
        self.decide(deadline, |topic| {
            if subject.is_some() {
                topic.mode(subject, false)?;
            }
            Ok((vec![Record::Mode { subject: subject.map(str::to_string), value: None }], ()))
        })
    }

    /// The records that delete what was set for a subject, which no longer has versions.
    pub fn unset(&self, of: &str) -> Vec<Record> {
        let subject = || Some(of.to_string());
        let config = self.state.config(Some(of)).map(|_| Record::Config { subject: subject(), value: None });
        let mode = self.state.mode(Some(of)).map(|_| Record::Mode { subject: subject(), value: None });
        config.into_iter().chain(mode).collect()
    }

    /// The subject that is meant by one that is only another name for it.
    pub fn unaliased(&self, subject: &str) -> String {
        let subject = subject::plain(subject);
        let alias = self.state.config(Some(&subject)).and_then(|config| config.alias.as_deref());
        match alias.filter(|alias| !alias.is_empty()) {
            Some(alias) => subject::referred(alias, &subject),
            None => subject,
        }
    }

    fn has_schemas(&self, of: Option<&str>) -> bool {
        match of {
            None => self.state.subjects(Deleted::Excluded).next().is_some(),
            Some(of) if subject::split(of).1.is_empty() => {
                self.state.subjects(Deleted::Excluded).any(|subject| subject::is_meant(subject, of))
            }
            Some(of) => !self.state.versions(of, Deleted::Excluded).is_empty(),
        }
    }

    /// Refuses what no subject is called; with `whole` also a context is one.
    pub fn check_name(&self, operation: &'static str, name: &str, whole: bool) -> Result<()> {
        let (context, rest) = subject::split(name);
        if subject::is_valid(name) || whole && rest.is_empty() && context != subject::DEFAULT_CONTEXT {
            return Ok(());
        }
        Err(Code::InvalidSubject.error(operation, format!("The specified subject {name:?} is not a valid name")))
    }
}

/// Where to look for what applies to a subject, the nearest first.
fn scopes(of: &str) -> Vec<Option<String>> {
    let whole = subject::whole_context(of);
    std::iter::once(Some(of.to_string())).chain(whole.map(Some)).chain([None]).collect()
}
