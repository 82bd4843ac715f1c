//! The indexes that are predicted and built: all methods, one kind of difficulty after the other.

use pgtailor_advisor::size::StorageParameters;
use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart, Nulls};

/// No storage parameters.
pub const PLAIN: StorageParameters = StorageParameters { fillfactor: None, deduplicate_items: true, pages_per_range: None };

/// One index.
pub struct Candidate {
    pub table: &'static str,
    pub definition: IndexDefinition,
    pub storage: StorageParameters,
    /// The storage parameters as SQL.
    pub with: &'static str,
}

/// `column`, `column class`, `column DESC`, or an expression in parentheses.
fn key(text: &str) -> IndexKey {
    if text.starts_with('(') {
        // The last parenthesis closes the first: a class may follow.
        let end = text.rfind(')').expect("it is closed");
        let class = Some(text[end + 1..].trim().to_owned()).filter(|class| !class.is_empty());
        let part = KeyPart::Expression(text[1..end].to_owned());
        return IndexKey { part, operator_class: class, ..IndexKey::column("") };
    }
    match text.split_once(' ') {
        None => IndexKey::column(text),
        Some((column, "DESC")) => IndexKey { direction: Direction::Descending, nulls: Nulls::First, ..IndexKey::column(column) },
        Some((column, class)) => IndexKey { operator_class: Some(class.to_owned()), ..IndexKey::column(column) },
    }
}

fn on(table: &'static str, method: &str, keys: &[&str]) -> Candidate {
    let definition = IndexDefinition {
        method: method.to_owned(),
        keys: keys.iter().map(|text| key(text)).collect(),
        ..IndexDefinition::btree([""])
    };
    Candidate { table, definition, storage: PLAIN, with: "" }
}

impl Candidate {
    fn including(mut self, columns: &[&str]) -> Self {
        self.definition.include = columns.iter().map(|column| (*column).to_owned()).collect();
        self
    }

    fn only(mut self, predicate: &str) -> Self {
        self.definition.predicate = Some(predicate.to_owned());
        self
    }

    fn unique(mut self) -> Self {
        self.definition.unique = true;
        self
    }

    fn with(self, with: &'static str, storage: StorageParameters) -> Self {
        Self { storage, with, ..self }
    }
}

/// All candidates.
pub fn candidates() -> Vec<Candidate> {
    let orders = |keys: &[&str]| on("orders", "btree", keys);
    let documents = |keys: &[&str]| on("documents", "btree", keys);
    let events = |keys: &[&str]| on("events", "btree", keys);
    vec![
        // B-trees of one column: unique, frequent, rare, null; of every width.
        orders(&["id"]),
        orders(&["id"]).unique(),
        orders(&["code"]),
        orders(&["customer"]),
        orders(&["tenant"]),
        orders(&["state"]),
        orders(&["express"]),
        orders(&["amount"]),
        orders(&["weight"]),
        orders(&["email"]),
        orders(&["note"]),
        orders(&["country"]),
        orders(&["placed DESC"]),
        orders(&["day"]),
        orders(&["paid_at"]),
        orders(&["returned_at"]),
        orders(&["coupon"]),
        orders(&["address"]),
        documents(&["title"]),
        documents(&["path"]),
        // Several columns: merged or not, with nulls, correlated, with more in the leaves than in inner pages.
        orders(&["tenant", "placed DESC"]),
        orders(&["state", "tenant"]),
        orders(&["customer", "region"]),
        orders(&["country", "state", "express"]),
        orders(&["tenant", "paid_at"]),
        orders(&["coupon", "returned_at", "id"]),
        orders(&["email", "country", "day"]),
        // Values with blanks behind them, which are stored.
        orders(&["branch", "id"]),
        orders(&["day"]).including(&["branch", "id"]),
        orders(&["customer"]).including(&["amount", "state"]),
        orders(&["code"]).unique().including(&["email"]),
        // Partial.
        orders(&["placed"]).only("returned_at IS NOT NULL"),
        orders(&["customer"]).only("paid_at IS NULL"),
        orders(&["customer"]).only("express"),
        orders(&["returned_at"]).only("returned_at IS NOT NULL"),
        orders(&["tenant", "placed"]).only("state = 'lost'::public.state"),
        orders(&["email"]).only("amount > 2000::numeric"),
        // Expressions; the first has statistics, from an index.
        orders(&["(lower(note))"]),
        orders(&["(lower(email))"]),
        orders(&["(date_trunc('day'::text, (placed AT TIME ZONE 'UTC'::text)))"]),
        orders(&["(customer % 100)"]),
        documents(&["(data ->> 'author'::text)"]),
        documents(&["((data ->> 'score'::text)::integer)"]),
        documents(&["(\"left\"(title, 3))"]),
        // Storage parameters.
        orders(&["customer"]).with(" WITH (fillfactor = 70)", StorageParameters { fillfactor: Some(70), ..PLAIN }),
        orders(&["tenant"]).with(" WITH (deduplicate_items = off)", StorageParameters { deduplicate_items: false, ..PLAIN }),
        // A table that has grown by half since it was analyzed.
        events(&["id"]),
        events(&["kind", "at"]),
        events(&["actor"]),
        on("events", "brin", &["at"]),
        on("events", "hash", &["actor"]),
        // Hash: few rows a value, many, and nulls, which are not in it.
        on("orders", "hash", &["code"]),
        on("orders", "hash", &["customer"]),
        on("orders", "hash", &["tenant"]),
        on("orders", "hash", &["state"]),
        on("orders", "hash", &["returned_at"]),
        on("documents", "hash", &["path"]),
        // GIN.
        on("documents", "gin", &["tags"]),
        on("documents", "gin", &["labels"]),
        on("documents", "gin", &["data"]),
        on("documents", "gin", &["data jsonb_path_ops"]),
        on("documents", "gin", &["search"]),
        on("documents", "gin", &["(to_tsvector('simple'::regconfig, body))"]),
        on("documents", "gin", &["title gin_trgm_ops"]),
        on("orders", "gin", &["email gin_trgm_ops"]),
        on("orders", "gin", &["tenant"]),
        on("documents", "gin", &["tags", "labels"]),
        on("events", "gin", &["payload"]),
        // GiST.
        on("orders", "gist", &["during"]),
        on("orders", "gist", &["quantity"]),
        on("orders", "gist", &["place"]),
        on("orders", "gist", &["address inet_ops"]),
        on("orders", "gist", &["tenant", "during"]),
        on("documents", "gist", &["search"]),
        on("documents", "gist", &["title gist_trgm_ops"]),
        // SP-GiST.
        on("orders", "spgist", &["email"]),
        on("documents", "spgist", &["path"]),
        on("orders", "spgist", &["address"]),
        on("orders", "spgist", &["place"]),
        on("orders", "spgist", &["quantity"]),
        // BRIN.
        on("orders", "brin", &["placed"]),
        on("orders", "brin", &["id", "day"])
            .with(" WITH (pages_per_range = 4)", StorageParameters { pages_per_range: Some(4), ..PLAIN }),
        on("orders", "brin", &["address"]),
    ]
}
