//! The engine on both backends.

use super::*;
use crate::Clock;
use crate::db::Database;
use crate::db::test_support::open;
use crate::users::protocol::{Role, User};
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};
use flyball_schema::Timestamp;
use flyball_schema::test_support::TestDatabase;

struct Rig {
    _test_database: TestDatabase,
    database: Database,
    logger: Addr<UsersLogger>,
}

impl Rig {
    fn each() -> Vec<Self> {
        let rig = |test_database| {
            let database = open(&test_database);
            let clock = Clock::starting_at(at(100));
            let logger = UsersLogger::new(clock, database.clone()).start();
            Self { _test_database: test_database, database, logger }
        };
        TestDatabase::each().into_iter().map(rig).collect()
    }

    async fn ask<M>(&self, message: M) -> M::Result
    where
        M: Message + Send + 'static,
        M::Result: Send,
        UsersLogger: Handler<M>,
        <UsersLogger as Actor>::Context: ToEnvelope<UsersLogger, M>,
    {
        self.logger.send(message).await.unwrap()
    }

    async fn create(&self, name: &str, role: &str) -> Result<User, UsersError> {
        let (name, role) = (name.to_owned(), role.to_owned());
        let display_name = name.to_uppercase();
        self.ask(CreateUser { name, display_name, password_hash: Some("$argon2id$…".to_owned()), role }).await
    }

    async fn find(&self, name: &str) -> Option<User> {
        self.ask(FindUser(UserKey::Name(name.to_owned()))).await.unwrap()
    }

    async fn open(&self, user: UserId, token: u8, expires: i64) -> Result<Session, UsersError> {
        let origin = "10.0.0.7".to_owned();
        let (idle_expires_at, expires_at) = (at(expires), at(expires + 1_000));
        self.ask(OpenSession { user, token_hash: [token; 32], origin, idle_expires_at, expires_at }).await
    }

    async fn live(&self, user: Option<UserId>, now: i64) -> Vec<i64> {
        let sessions = self.ask(ListSessions { user, now: at(now) }).await.unwrap();
        assert!(sessions.iter().all(|session| session.is_live(at(now))));
        sessions.into_iter().map(|session| session.id).collect()
    }

    /// Nothing here was a failure of the database.
    fn assert_healthy(&self) {
        assert_eq!(self.database.health().failures, 0);
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn change(id: UserId) -> ChangeUser {
    ChangeUser { id, display_name: None, role: None, disabled: None }
}

fn words(words: &[&str]) -> std::collections::BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[actix_rt::test]
async fn the_seven_roles_are_there_and_stay_as_they_are() {
    for rig in Rig::each() {
        let roles = rig.ask(ListRoles).await.unwrap();
        let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["admin", "auditor", "engineer", "guest", "maintenance", "operator", "supervisor"]);
        assert!(roles.iter().all(|role| role.builtin && role.permissions.contains("view")));
        let may = |name: &str, permission: &str| {
            roles.iter().any(|role| role.name == name && role.permissions.contains(permission))
        };
        assert!(may("operator", "alarm.acknowledge") && !may("admin", "alarm.acknowledge"));
        assert!(may("admin", "user.edit") && !may("engineer", "user.edit") && !may("guest", "tag.write"));
        let altered = rig.ask(SaveRole { name: "Guest".to_owned(), permissions: words(&["user.edit"]) }).await;
        assert!(matches!(altered, Err(UsersError::BuiltinRole(name)) if name == "guest"));
        let removed = rig.ask(RemoveRole("guest".to_owned())).await;
        assert!(matches!(removed, Err(UsersError::BuiltinRole(_))));
        assert_eq!(rig.ask(ListRoles).await.unwrap(), roles);
        rig.assert_healthy();
    }
}

#[actix_rt::test]
async fn a_role_of_ones_own_is_made_altered_and_removed_while_nobody_has_it() {
    for rig in Rig::each() {
        let save = |permissions| SaveRole { name: "Lab".to_owned(), permissions };
        rig.ask(save(words(&["view"]))).await.unwrap();
        let lab = rig.ask(save(words(&["view", "note.write"]))).await.unwrap();
        let expected = Role { name: "lab".to_owned(), permissions: words(&["view", "note.write"]), builtin: false };
        assert_eq!(lab, expected);
        assert!(rig.ask(ListRoles).await.unwrap().contains(&expected));
        rig.create("ann", "lab").await.unwrap();
        let removed = rig.ask(RemoveRole("lab".to_owned())).await;
        assert!(matches!(removed, Err(UsersError::RoleInUse { users: 1, .. })));
        let ann = rig.find("ann").await.unwrap();
        rig.ask(ChangeUser { role: Some("guest".to_owned()), ..change(ann.id) }).await.unwrap();
        rig.ask(RemoveRole("lab".to_owned())).await.unwrap();
        assert!(matches!(rig.ask(RemoveRole("lab".to_owned())).await, Err(UsersError::UnknownRole(_))));
        rig.assert_healthy();
    }
}

#[actix_rt::test]
async fn a_name_is_one_person_in_any_case_and_for_ever() {
    for rig in Rig::each() {
        let ann = rig.create(" Ann ", "operator").await.unwrap();
        assert_eq!((ann.name.as_str(), ann.display_name.as_str(), ann.role.as_str()), ("ann", " ANN ", "operator"));
        assert_eq!(rig.find("ANN").await, Some(ann.clone()));
        assert!(matches!(rig.create("aNN", "guest").await, Err(UsersError::NameTaken(name)) if name == "ann"));
        assert!(matches!(rig.create("  ", "guest").await, Err(UsersError::EmptyName)));
        assert!(matches!(rig.create("bob", "king").await, Err(UsersError::UnknownRole(_))));
        assert_eq!(rig.find("b\0b").await, None);
        rig.ask(RemoveUser(ann.id)).await.unwrap();
        assert_eq!(rig.find("ann").await, None);
        assert!(matches!(rig.create("ann", "guest").await, Err(UsersError::NameTaken(_))));
        assert!(matches!(rig.ask(change(ann.id)).await, Err(UsersError::UnknownUser(_))));
        rig.assert_healthy();
    }
}

#[actix_rt::test]
async fn users_are_listed_a_page_at_a_time_without_the_removed() {
    for rig in Rig::each() {
        for name in ["a", "b", "c", "d"] {
            rig.create(name, "guest").await.unwrap();
        }
        let b = rig.find("b").await.unwrap().id;
        rig.ask(RemoveUser(b)).await.unwrap();
        let names = |users: Vec<User>| users.into_iter().map(|user| user.name).collect::<Vec<_>>();
        assert_eq!(names(rig.ask(ListUsers { after: None, limit: 2 }).await.unwrap()), ["a", "c"]);
        let c = rig.find("c").await.unwrap().id;
        assert_eq!(names(rig.ask(ListUsers { after: Some(c), limit: 2 }).await.unwrap()), ["d"]);
    }
}

#[actix_rt::test]
async fn the_last_enabled_administrator_cannot_be_lost() {
    for rig in Rig::each() {
        let ann = rig.create("ann", "admin").await.unwrap().id;
        let bob = rig.create("bob", "admin").await.unwrap().id;
        rig.ask(ChangeUser { disabled: Some(true), ..change(bob) }).await.unwrap();
        let guest = Some("guest".to_owned());
        for refused in [
            rig.ask(ChangeUser { disabled: Some(true), ..change(ann) }).await.map(|_| ()),
            rig.ask(ChangeUser { role: guest.clone(), ..change(ann) }).await.map(|_| ()),
            rig.ask(RemoveUser(ann)).await,
        ] {
            assert!(matches!(refused, Err(UsersError::LastAdmin(id)) if id == ann), "{refused:?}");
        }
        let changed = rig.ask(ChangeUser { display_name: Some("Ann".to_owned()), ..change(ann) }).await.unwrap();
        assert_eq!((changed.role.as_str(), changed.disabled, changed.display_name.as_str()), ("admin", false, "Ann"));
        rig.ask(ChangeUser { disabled: Some(false), ..change(bob) }).await.unwrap();
        rig.ask(ChangeUser { role: guest, ..change(ann) }).await.unwrap();
        assert!(matches!(rig.ask(RemoveUser(bob)).await, Err(UsersError::LastAdmin(_))));
        rig.assert_healthy();
    }
}

#[actix_rt::test]
async fn failed_log_ins_count_and_lock_until_one_succeeds() {
    for rig in Rig::each() {
        let id = rig.create("ann", "operator").await.unwrap().id;
        let failed = |locked_until| NoteLogin { id, succeeded: false, locked_until };
        rig.ask(failed(None)).await.unwrap();
        let locked = rig.ask(failed(Some(at(160)))).await.unwrap();
        assert_eq!((locked.failed_attempts, locked.locked_until), (2, Some(at(160))));
        assert_eq!(rig.find("ann").await, Some(locked));
        let open = rig.ask(NoteLogin { id, succeeded: true, locked_until: None }).await.unwrap();
        assert_eq!((open.failed_attempts, open.locked_until), (0, None));
        rig.ask(failed(Some(at(160)))).await.unwrap();
        let reset = rig.ask(SetPassword { id, password_hash: Some("new".to_owned()) }).await.unwrap();
        assert_eq!((reset.failed_attempts, reset.locked_until, reset.password_hash.as_deref()), (0, None, Some("new")));
    }
}

#[actix_rt::test]
async fn a_session_lives_until_it_is_idle_expired_or_revoked() {
    for rig in Rig::each() {
        let ann = rig.create("ann", "operator").await.unwrap();
        let session = rig.open(ann.id, 1, 200).await.unwrap();
        assert_eq!((session.user, session.origin.as_str(), session.revoked_at), (ann.id, "10.0.0.7", None));
        let found = rig.ask(FindSession([1; 32])).await.unwrap();
        assert_eq!(found, Some((session.clone(), Some(ann.clone()))));
        assert_eq!(rig.ask(FindSession([2; 32])).await.unwrap(), None);
        assert_eq!(rig.live(None, 199).await, [session.id]);
        assert_eq!(rig.live(None, 200).await, Vec::<i64>::new());
        rig.ask(TouchSession { id: session.id, idle_expires_at: at(2_000) }).await.unwrap();
        assert_eq!(rig.live(None, 1_199).await, [session.id]);
        assert_eq!(rig.live(None, 1_200).await, Vec::<i64>::new(), "the absolute end");
        rig.ask(RevokeSession(session.id)).await.unwrap();
        rig.ask(RevokeSession(session.id)).await.unwrap();
        assert_eq!(rig.live(None, 199).await, Vec::<i64>::new());
        assert!(rig.ask(FindSession([1; 32])).await.unwrap().unwrap().0.revoked_at.is_some());
        assert!(matches!(rig.ask(RevokeSession(77)).await, Err(UsersError::UnknownSession(77))));
        let touched = rig.ask(TouchSession { id: 77, idle_expires_at: at(0) }).await;
        assert!(matches!(touched, Err(UsersError::UnknownSession(77))));
        rig.assert_healthy();
    }
}

#[actix_rt::test]
async fn who_is_disabled_or_removed_has_no_session() {
    for rig in Rig::each() {
        let ann = rig.create("ann", "operator").await.unwrap().id;
        let bob = rig.create("bob", "operator").await.unwrap().id;
        rig.open(ann, 1, 200).await.unwrap();
        let of_bob = rig.open(bob, 2, 200).await.unwrap().id;
        rig.ask(ChangeUser { disabled: Some(true), ..change(ann) }).await.unwrap();
        assert_eq!(rig.live(None, 150).await, [of_bob]);
        assert!(matches!(rig.open(ann, 3, 200).await, Err(UsersError::UnknownUser(_))));
        assert_eq!(rig.ask(FindSession([1; 32])).await.unwrap().unwrap().1, None);
        rig.ask(RemoveUser(bob)).await.unwrap();
        assert_eq!(rig.live(None, 150).await, Vec::<i64>::new());
        rig.assert_healthy();
    }
}

#[actix_rt::test]
async fn all_sessions_but_ones_own_are_revoked_and_ended_ones_forgotten() {
    for rig in Rig::each() {
        let ann = rig.create("ann", "operator").await.unwrap().id;
        let mut ids = Vec::new();
        for token in 1..=4 {
            ids.push(rig.open(ann, token, 200 + i64::from(token)).await.unwrap().id);
        }
        assert_eq!(rig.ask(RevokeSessions { user: ann, except: Some(ids[2]) }).await.unwrap(), 3);
        assert_eq!(rig.live(Some(ann), 150).await, [ids[2]]);
        assert_eq!(rig.ask(PruneSessions(at(100))).await.unwrap(), 0);
        assert_eq!(rig.ask(PruneSessions(at(203))).await.unwrap(), 3);
        assert_eq!(rig.ask(FindSession([3; 32])).await.unwrap().unwrap().0.id, ids[2]);
        assert_eq!(rig.ask(PruneSessions(at(204))).await.unwrap(), 1);
    }
}

#[actix_rt::test]
async fn a_key_is_made_found_and_revoked() {
    for rig in Rig::each() {
        let new = |id: &str, name: &str, expires_at| CreateApiKey {
            id: id.to_owned(),
            hash: [7; 32],
            name: name.to_owned(),
            scope: words(&["view"]),
            created_by: "ann".to_owned(),
            expires_at,
        };
        let key = rig.ask(new("k1", "mes", Some(at(200)))).await.unwrap();
        assert!(key.is_live(at(199)) && !key.is_live(at(200)));
        assert_eq!(rig.ask(FindApiKey("k1".to_owned())).await.unwrap(), Some(key));
        assert_eq!(rig.ask(FindApiKey("K1".to_owned())).await.unwrap(), None);
        for (id, name) in [("k1", "other"), ("k2", "mes")] {
            assert!(matches!(rig.ask(new(id, name, None)).await, Err(UsersError::NameTaken(_))));
        }
        rig.ask(RevokeApiKey("k1".to_owned())).await.unwrap();
        let revoked = rig.ask(FindApiKey("k1".to_owned())).await.unwrap().unwrap();
        assert!(!revoked.is_live(at(1)));
        rig.ask(new("k2", "mes", None)).await.unwrap();
        assert_eq!(rig.ask(ListApiKeys).await.unwrap().len(), 2);
        assert!(matches!(rig.ask(RevokeApiKey("k3".to_owned())).await, Err(UsersError::UnknownKey(_))));
        rig.assert_healthy();
    }
}
