//! Who a transaction acts for, decided once: the first accepted setting or token *fixes* a user until the
//! transaction ends, and nothing unfixes it, a rollback to a savepoint included.
//!
//! The setting takes two steps, as PostgreSQL sets a value: `propose` may refuse, `assign` may not. PostgreSQL also
//! assigns without proposing, when it restores an older value or on RESET; that fixes nobody.
use super::user::UserId;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    fixed: Option<Fixed>,
    proposed: Option<UserId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fixed {
    user: UserId,
    by_token: bool,
}

/// The transaction already acts for somebody else.
#[derive(Debug, PartialEq, Eq)]
pub struct FixedToAnother;

impl Identity {
    pub const NOBODY: Identity = Identity { fixed: None, proposed: None };

    /// The setting is about to become `user`; None when it is emptied.
    pub fn propose(&mut self, user: Option<UserId>) -> Result<(), FixedToAnother> {
        self.proposed = None;
        if self.fixed.is_some_and(|fixed| Some(fixed.user) != user) {
            return Err(FixedToAnother);
        }
        self.proposed = user;
        Ok(())
    }

    /// The setting has become `user`.
    pub fn assign(&mut self, user: Option<UserId>) {
        let proposed = self.proposed.take();
        if self.fixed.is_none()
            && let Some(user) = proposed.filter(|_| proposed == user)
        {
            self.fixed = Some(Fixed { user, by_token: false });
        }
    }

    pub fn sign_in(&mut self, user: UserId) -> Result<(), FixedToAnother> {
        if self.fixed.is_some_and(|fixed| fixed.user != user) {
            return Err(FixedToAnother);
        }
        self.fixed = Some(Fixed { user, by_token: true });
        Ok(())
    }

    /// `setting` is what the setting holds now, where it is believed at all. RESET changes it without asking, so it
    /// says nothing unless it is what was fixed.
    pub fn user(&self, setting: Option<UserId>) -> Option<UserId> {
        self.fixed.filter(|fixed| fixed.by_token || setting == Some(fixed.user)).map(|fixed| fixed.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANNA: UserId = UserId([1; 16]);
    const BORIS: UserId = UserId([2; 16]);

    /// As a SET does; the setting afterwards.
    fn set(identity: &mut Identity, user: Option<UserId>) -> Result<Option<UserId>, FixedToAnother> {
        identity.propose(user)?;
        identity.assign(user);
        Ok(user)
    }

    #[test]
    fn the_first_user_stays() {
        let mut identity = Identity::NOBODY;
        assert_eq!(identity.user(None), None);
        set(&mut identity, None).expect("emptying an empty setting");
        let setting = set(&mut identity, Some(ANNA)).expect("the first");
        assert_eq!(identity.user(setting), Some(ANNA));
        assert_eq!(set(&mut identity, Some(BORIS)), Err(FixedToAnother));
        assert_eq!(set(&mut identity, None), Err(FixedToAnother));
        set(&mut identity, Some(ANNA)).expect("the same again");
        assert_eq!(identity.user(setting), Some(ANNA));
    }

    #[test]
    fn a_value_that_was_not_proposed_is_nobody() {
        let mut identity = Identity::NOBODY;
        identity.assign(Some(ANNA));
        assert_eq!(identity.user(Some(ANNA)), None, "RESET to a default of the role");
        identity.propose(Some(ANNA)).expect("free");
        identity.assign(Some(BORIS));
        assert_eq!(identity.user(Some(BORIS)), None, "proposed one, assigned another");
        identity.assign(Some(ANNA));
        assert_eq!(identity.user(Some(ANNA)), None, "a proposal serves once");
        set(&mut identity, Some(ANNA)).expect("free");
        assert_eq!(identity.user(Some(BORIS)), None, "RESET after fixing");
        assert_eq!(identity.user(None), None);
        assert_eq!(identity.user(Some(ANNA)), Some(ANNA), "and back");
    }

    #[test]
    fn a_token_needs_no_setting() {
        let mut identity = Identity::NOBODY;
        identity.sign_in(ANNA).expect("the first");
        assert_eq!(identity.user(None), Some(ANNA));
        assert_eq!(identity.user(Some(BORIS)), Some(ANNA));
        assert_eq!(identity.sign_in(BORIS), Err(FixedToAnother));
        assert_eq!(set(&mut identity, Some(BORIS)), Err(FixedToAnother));
        assert_eq!(set(&mut identity, None), Err(FixedToAnother));
        set(&mut identity, Some(ANNA)).expect("the same");
        identity.sign_in(ANNA).expect("the same again");
        assert_eq!(identity.user(None), Some(ANNA), "setting it takes nothing from the token");
    }

    #[test]
    fn a_token_confirms_what_was_set_and_nobody_else() {
        let mut identity = Identity::NOBODY;
        set(&mut identity, Some(ANNA)).expect("the first");
        assert_eq!(identity.sign_in(BORIS), Err(FixedToAnother));
        identity.sign_in(ANNA).expect("the same");
        assert_eq!(identity.user(None), Some(ANNA));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Set(Option<UserId>),
        /// RESET, the end of a function with a SET clause, ROLLBACK TO.
        Restore(Option<UserId>),
        SignIn(UserId),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let user = (1u8..4).prop_map(|n| UserId([n; 16]));
        prop::collection::vec(
            prop_oneof![
                prop::option::of(user.clone()).prop_map(Step::Set),
                prop::option::of(user.clone()).prop_map(Step::Restore),
                user.prop_map(Step::SignIn),
            ],
            0..20,
        )
    }

    proptest! {
        /// Whatever is tried, at most one user is ever answered, and it is the first that was let through.
        #[test]
        fn one_user_a_transaction(steps in steps()) {
            let mut identity = Identity::NOBODY;
            let (mut setting, mut first) = (None, None);
            for step in steps {
                match step {
                    Step::Set(user) => if let Ok(user) = set(&mut identity, user) {
                        setting = user;
                        first = first.or(user);
                    },
                    Step::Restore(user) => {
                        identity.assign(user);
                        setting = user;
                    }
                    Step::SignIn(user) => if identity.sign_in(user).is_ok() {
                        first = first.or(Some(user));
                    },
                }
                let answer = identity.user(setting);
                prop_assert!(answer.is_none() || answer == first);
            }
        }
    }
}
