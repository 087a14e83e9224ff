//! What machines remember over a restart. **Engine.**

use super::{Database, DbError, to_json};
use crate::Clock;
use crate::machines::{MachineMemory, SaveError, SaveMachine};
use actix::{Actor, Context, Handler, Message, ResponseFuture};
use diesel::prelude::*;
use flyball_schema::MachineId;
use flyball_schema::db::Connection;
use flyball_schema::tables::machine_memory::dsl;
use std::collections::HashMap;

/// Keeps the memory of machines in the database.
#[derive(Debug)]
pub struct MachinesLogger {
    clock: Clock,
    database: Database,
}

impl MachinesLogger {
    /// An engine on this database.
    #[must_use]
    pub fn new(clock: Clock, database: Database) -> Self {
        Self { clock, database }
    }
}

impl Actor for MachinesLogger {
    type Context = Context<Self>;
}

impl Handler<SaveMachine> for MachinesLogger {
    type Result = ResponseFuture<Result<(), SaveError>>;

    fn handle(&mut self, save: SaveMachine, _ctx: &mut Self::Context) -> Self::Result {
        let (database, now) = (self.database.clone(), self.clock.now().as_micros());
        Box::pin(async move {
            let saved = database.write(move |connection| store(connection, &save, now)).await;
            saved.map_err(|error| SaveError(error.to_string()))
        })
    }
}

fn store(connection: &mut Connection, save: &SaveMachine, now: i64) -> Result<(), DbError> {
    let id = save.id.to_i32();
    let memory = to_json(&save.memory)?;
    let change = (dsl::memory.eq(&memory), dsl::saved_at.eq(now));
    if diesel::update(dsl::machine_memory.find(id)).set(change).execute(connection)? == 0 {
        let row = (dsl::machine_id.eq(id), dsl::memory.eq(&memory), dsl::saved_at.eq(now));
        diesel::insert_into(dsl::machine_memory).values(row).execute(connection)?;
    }
    Ok(())
}

/// Reads what every machine remembers from before a restart.
///
/// * Errors: [`DbError`], [`DbError::Corrupt`] for a memory that is none.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<HashMap<MachineId, MachineMemory>, DbError>")]
pub struct LoadMachineMemory;

impl Handler<LoadMachineMemory> for MachinesLogger {
    type Result = ResponseFuture<Result<HashMap<MachineId, MachineMemory>, DbError>>;

    fn handle(&mut self, _: LoadMachineMemory, _ctx: &mut Self::Context) -> Self::Result {
        let database = self.database.clone();
        Box::pin(async move { database.read(load).await })
    }
}

fn load(connection: &mut Connection) -> Result<HashMap<MachineId, MachineMemory>, DbError> {
    let rows: Vec<(i32, String)> = dsl::machine_memory.select((dsl::machine_id, dsl::memory)).load(connection)?;
    let memory = |(id, text): (i32, String)| {
        let corrupt = |problem: String| DbError::Corrupt { table: "machine_memory", id: id.into(), problem };
        let machine = MachineId::from_i32(id).ok_or_else(|| corrupt("negative id".to_owned()))?;
        let memory = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
        Ok((machine, memory))
    };
    rows.into_iter().map(memory).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_support::open;
    use super::*;
    use flyball_schema::Value;
    use flyball_schema::test_support::TestDatabase;

    #[actix_rt::test]
    async fn the_last_memory_of_a_machine_comes_back() {
        for test_database in TestDatabase::each() {
            let database = open(&test_database);
            let machine = "INSERT INTO machine (id, name, definition, changed_at) VALUES (7, 'pid', '{}', 0)";
            database.write(move |connection| Ok(diesel::sql_query(machine).execute(connection)?)).await.unwrap();
            let logger = MachinesLogger::new(Clock::system(), database).start();
            for set_point in [0.1 + 0.2, 12.4] {
                let parameters = [("set_point".to_owned(), Value::Float(set_point))].into();
                let memory = MachineMemory { parameters, state: serde_json::json!({ "integral": 1.5 }) };
                logger.send(SaveMachine { id: MachineId(7), memory: memory.clone() }).await.unwrap().unwrap();
                let loaded = logger.send(LoadMachineMemory).await.unwrap().unwrap();
                assert_eq!(loaded.get(&MachineId(7)), Some(&memory));
            }
        }
    }
}
