//! Grammar of the statements about users, roles and grants.
//!
//! A message about one of them shows no text of it behind `PASSWORD`, and no literal: it gets into
//! logs, and a statement that is wrong may still have the password that was meant.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use super::role_statements::{
    MembershipChange, Password, PasswordClause, PrivilegeChange, RoleOptions, RoleStatement,
};
use super::words::Reader;
use crate::parse_error::ParseError;
use crate::roles::{PrivilegeObject, RolePrivilege};

type Result<T, E = ParseError> = std::result::Result<T, E>;

impl Reader<'_, '_> {
    /// Parses a statement about roles, given its first words; `None`, consuming nothing, for
    /// another statement.
    pub(super) fn role_statement(&mut self, words: &[&str]) -> Result<Option<RoleStatement>> {
        let statement = match words {
            ["CREATE", kind @ ("USER" | "ROLE"), ..] => self.create_role(*kind == "USER")?,
            ["ALTER", "USER" | "ROLE", ..] => self.alter_role()?,
            ["DROP", "USER" | "ROLE", ..] => self.drop_roles()?,
            ["GRANT", ..] => self.grant(true)?,
            ["REVOKE", ..] => self.grant(false)?,
            ["SHOW", "USERS", ..] => {
                self.skip(2);
                RoleStatement::ShowUsers
            }
            ["SHOW", "GRANTS", ..] => {
                self.skip(2);
                RoleStatement::ShowGrants
            }
            _ => return Ok(None),
        };
        // The message of the other statements would show a literal.
        match self.0.peek_token_ref().token == Token::EOF {
            true => Ok(Some(statement)),
            false => self.refuse("the end of the statement", false),
        }
    }

    fn create_role(&mut self, is_user: bool) -> Result<RoleStatement> {
        self.skip(2);
        let if_not_exists = self.eat_all(&["IF", "NOT", "EXISTS"]);
        let name = self.role_name()?;
        let mut options = self.role_options()?;
        options.login = options.login.or(Some(is_user));
        Ok(RoleStatement::Create {
            name,
            if_not_exists,
            options,
        })
    }

    fn alter_role(&mut self) -> Result<RoleStatement> {
        self.skip(2);
        let name = self.role_name()?;
        if self.eat("SET") {
            let setting = self.role_setting()?;
            if !self.eat("TO") && !self.0.consume_token(&Token::Eq) {
                return self.refuse("= or TO", false);
            }
            let value = self.setting_value()?;
            return Ok(RoleStatement::Set {
                name,
                setting,
                value,
            });
        }
        if self.eat_all(&["RESET", "ALL"]) {
            return Ok(RoleStatement::ResetAll { name });
        }
        if self.eat("RESET") {
            let setting = self.role_setting()?;
            return Ok(RoleStatement::Set {
                name,
                setting,
                value: None,
            });
        }
        let options = self.role_options()?;
        if options == RoleOptions::default() {
            return self.refuse("PASSWORD, SET, RESET or another option", false);
        }
        Ok(RoleStatement::Alter { name, options })
    }

    fn drop_roles(&mut self) -> Result<RoleStatement> {
        self.skip(2);
        let if_exists = self.eat_all(&["IF", "EXISTS"]);
        let names = self.role_names()?;
        Ok(RoleStatement::Drop { if_exists, names })
    }

    /// Options up to the end of the statement.
    fn role_options(&mut self) -> Result<RoleOptions> {
        let mut options = RoleOptions::default();
        let mut has_password = false;
        self.eat("WITH");
        while self.0.peek_token_ref().token != Token::EOF {
            let is_encrypted = self.word_at(0) == "ENCRYPTED" && self.word_at(1) == "PASSWORD";
            let is_stated = match &*self.word_at(0) {
                "LOGIN" | "NOLOGIN" => {
                    let value = self.word_at(0) == "LOGIN";
                    options.login.replace(value).is_some()
                }
                "SUPERUSER" | "NOSUPERUSER" => {
                    let value = self.word_at(0) == "SUPERUSER";
                    options.superuser.replace(value).is_some()
                }
                "PASSWORD" | "ENCRYPTED" if is_encrypted || self.word_at(0) == "PASSWORD" => {
                    self.skip(usize::from(is_encrypted));
                    std::mem::replace(&mut has_password, true)
                }
                _ => {
                    let what = "PASSWORD, LOGIN, NOLOGIN, SUPERUSER, NOSUPERUSER or the end";
                    return self.refuse(what, has_password);
                }
            };
            if is_stated {
                return self.refuse("each option once", has_password);
            }
            let is_password = self.word_at(0) == "PASSWORD";
            self.skip(1);
            if is_password {
                options.password = self.password()?;
            }
        }
        Ok(options)
    }

    fn password(&mut self) -> Result<PasswordClause> {
        if self.eat("NULL") {
            return Ok(PasswordClause::Null);
        }
        match &self.0.peek_token_ref().token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => {
                let password = Password(text.clone());
                self.skip(1);
                Ok(PasswordClause::Stated(password))
            }
            _ => self.refuse("a password in single quotes, or NULL", true),
        }
    }

    /// Name of a setting, with dots, in lower case.
    fn role_setting(&mut self) -> Result<String> {
        let mut name = self.identifier()?.to_ascii_lowercase();
        while self.0.consume_token(&Token::Period) {
            name = format!("{name}.{}", self.identifier()?.to_ascii_lowercase());
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
        match name.chars().all(is_plain) {
            true => Ok(name),
            false => self.refuse("the name of a setting before this", false),
        }
    }

    /// Value of a setting; `None` for `DEFAULT`.
    fn setting_value(&mut self) -> Result<Option<String>> {
        if self.eat("DEFAULT") {
            return Ok(None);
        }
        let value = match &self.0.peek_token_ref().token {
            Token::Number(number, _) => number.clone(),
            Token::SingleQuotedString(text) => text.clone(),
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
            _ => return self.refuse("a number, a word or a string", false),
        };
        self.skip(1);
        Ok(Some(value))
    }

    fn grant(&mut self, is_grant: bool) -> Result<RoleStatement> {
        self.skip(1);
        let place = self.0.peek_token_ref().span.start;
        let names = self.role_names_or_privileges()?;
        if !self.eat("ON") {
            self.direction(is_grant)?;
            let members = self.role_names()?;
            let change = MembershipChange {
                roles: names,
                members,
            };
            return Ok(match is_grant {
                true => RoleStatement::GrantRoles(change),
                false => RoleStatement::RevokeRoles(change),
            });
        }
        let mut privileges = Vec::new();
        for name in names {
            match name.to_ascii_uppercase().as_str() {
                "ALL" => privileges.extend(RolePrivilege::ALL),
                // PostgreSQL's privilege to call a function.
                "EXECUTE" => privileges.push(RolePrivilege::Usage),
                other => match RolePrivilege::find(other) {
                    Some(privilege) => privileges.push(privilege),
                    None => {
                        let message =
                            format!("Expected: CREATE, USAGE or ALL, found another word{place}");
                        return Err(ParserError::ParserError(message).into());
                    }
                },
            }
        }
        privileges.sort_unstable();
        privileges.dedup();
        let objects = self.privilege_objects()?;
        self.direction(is_grant)?;
        let grantees = self.role_names()?;
        let _ = !is_grant && (self.eat("RESTRICT") || self.eat("CASCADE"));
        let change = PrivilegeChange {
            privileges,
            objects,
            grantees,
        };
        Ok(match is_grant {
            true => RoleStatement::Grant(change),
            false => RoleStatement::Revoke(change),
        })
    }

    /// `TO` of a grant, and `FROM` of a revocation.
    fn direction(&mut self, is_grant: bool) -> Result<()> {
        let word = if is_grant { "TO" } else { "FROM" };
        match self.eat(word) {
            true => Ok(()),
            false => self.refuse(word, false),
        }
    }

    fn privilege_objects(&mut self) -> Result<Vec<PrivilegeObject>> {
        if self.eat_all(&["ALL", "FUNCTIONS"]) {
            return Ok(vec![PrivilegeObject::AllFunctions]);
        }
        if self.eat_all(&["ALL", "MODULES"]) {
            return Ok(vec![PrivilegeObject::AllModules]);
        }
        let object = match &*self.word_at(0) {
            "FUNCTION" => PrivilegeObject::Function,
            "MODULE" => PrivilegeObject::Module,
            _ => return self.refuse("FUNCTION, MODULE, ALL FUNCTIONS or ALL MODULES", false),
        };
        self.skip(1);
        let mut objects = vec![object(self.object_name()?)];
        while self.0.consume_token(&Token::Comma) {
            objects.push(object(self.object_name()?));
        }
        Ok(objects)
    }

    fn object_name(&mut self) -> Result<String> {
        let name = self.role_name()?;
        if self.0.peek_token_ref().token == Token::LParen {
            let what = "a name without arguments, since a privilege is for all functions of a name";
            return self.refuse(what, false);
        }
        Ok(name)
    }

    fn role_name(&mut self) -> Result<String> {
        if !matches!(self.0.peek_token_ref().token, Token::Word(_)) {
            return self.refuse("a name", false);
        }
        self.name()
    }

    fn role_names(&mut self) -> Result<Vec<String>> {
        let mut names = vec![self.role_name()?];
        while self.0.consume_token(&Token::Comma) {
            names.push(self.role_name()?);
        }
        Ok(names)
    }

    fn role_names_or_privileges(&mut self) -> Result<Vec<String>> {
        if self.eat_all(&["ALL", "PRIVILEGES"]) {
            return Ok(vec!["ALL".to_owned()]);
        }
        self.role_names()
    }

    /// Refuses the next token, and shows it unless it may be a secret.
    fn refuse<T>(&self, expected: &str, is_secret: bool) -> Result<T> {
        let next = self.0.peek_token_ref();
        let found = match &next.token {
            _ if is_secret => "another text".to_owned(),
            Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
            Token::Word(_) => "a name in quotes".to_owned(),
            Token::EOF => "EOF".to_owned(),
            Token::Eq => "=".to_owned(),
            Token::Comma => ",".to_owned(),
            Token::LParen => "(".to_owned(),
            _ => "another text".to_owned(),
        };
        let place = next.span.start;
        let message = format!("Expected: {expected}, found: {found}{place}");
        Err(ParserError::ParserError(message).into())
    }
}
