//! The story of the demo: one lettuce from field to table, with everything that five enterprises share of it and withhold.

use std::fmt::Display;

use serde_json::{Value, json};
use suyuan_client::{CircleMember, Client, NewCircle};
use suyuan_core::StatementId;
use suyuan_core::circle::{Rights, Terms, Tier};

use crate::cluster::{Cluster, Founder};

/// The members: a farm that leads, its supplier, supermarkets, a carrier, and the authority.
pub const FOUNDERS: [Founder; 5] = [
    Founder::new("G", "G 生态农业", "leader", &[]),
    Founder::new("S", "S 种植服务", "upstream", &[]),
    Founder::new("Z", "Z 绿色商超", "downstream", &[]),
    Founder::new("L", "L 冷链物流", "support", &[]),
    Founder::new("R", "R 市场监管", "regulator", &["inspection", "notice", "forecast", "feedback"]),
];

/// The lettuce: its GTIN and lot.
pub const GTIN: &str = "06901234567892";
/// The lot that the story follows.
pub const LOT: &str = "L20261120";

/// A text that may be read by these members only, and stand in clear in no file.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What it is.
    pub name: &'static str,
    /// The text.
    pub text: String,
    /// Who may read it.
    pub readers: &'static [&'static str],
}

/// What the story left behind.
#[derive(Debug, Default)]
pub struct Told {
    /// Planted secrets.
    pub secrets: Vec<Secret>,
    /// Every record: author, id, and who may hold its statement.
    pub records: Vec<(&'static str, StatementId, Vec<&'static str>)>,
    /// The residue record, of which the public, R and Z, and G alone each read another part.
    pub residue: Option<StatementId>,
    /// Section and name of the field of it that is disclosed alone.
    pub disclosed: (u8, &'static str),
}

const ALL: &[&str] = &["G", "S", "Z", "L", "R"];

/// Tells the story against a running cluster.
///
/// # Errors
/// What failed, in words.
pub fn tell(cluster: &Cluster, say: &impl Fn(&str)) -> Result<Told, String> {
    let mut teller = Teller { cluster, told: Told::default(), clock: 1_795_046_400_000 };
    say("general sharing 通用共享: covenant, forecast, storm notice, sales feedback");
    teller.general()?;
    say("authorized sharing 授权共享: prices, formula, route costs, residue value");
    teller.authorized()?;
    say("co-development 协同开发: trial, ratings, joint brand");
    teller.developed()?;
    say("one lot from field to shelf");
    teller.lot()?;
    say("wilted leaves: a complaint, and the way back");
    teller.complaint()?;
    Ok(teller.told)
}

struct Teller<'a> {
    cluster: &'a Cluster,
    told: Told,
    clock: u64,
}

impl Teller<'_> {
    fn client(&self, key: &str) -> Result<Client, String> {
        self.cluster.node(key)?.client()
    }

    /// Plants a secret and returns its text.
    fn secret(&mut self, name: &'static str, readers: &'static [&'static str]) -> Result<String, String> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).map_err(|error| error.to_string())?;
        let text = format!("secret-{}", random.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        self.told.secrets.push(Secret { name, text: text.clone(), readers });
        Ok(text)
    }

    /// Opens a circle and returns its id.
    fn circle(&self, steward: &str, name: &str, tier: Tier, members: &[(&str, Rights)]) -> Result<String, String> {
        let member = |(key, rights): &(&str, Rights)| -> Result<CircleMember, String> {
            Ok(CircleMember { member: self.cluster.node(key)?.founder.name.to_string(), rights: *rights })
        };
        let members = members.iter().map(member).collect::<Result<_, _>>()?;
        let circle = NewCircle { name: name.to_owned(), purpose: name.to_owned(), tier, members, terms: Terms::default(), until: None };
        let opened = self.client(steward)?.open_circle(&circle).map_err(|error| error.to_string())?;
        let opened: Value = serde_json::from_str(&opened).map_err(|error| error.to_string())?;
        opened["id"].as_str().map(str::to_owned).ok_or_else(|| format!("no id in {opened}"))
    }

    /// Writes one record and notes who may hold it.
    fn put(
        &mut self,
        author: &'static str,
        kind: &str,
        about: bool,
        sections: impl Display,
        holders: &[&'static str],
    ) -> Result<StatementId, String> {
        self.clock = self.clock.saturating_add(600_000);
        let about = if about { json!([lot()]) } else { json!([]) };
        let body = format!(r#"{{"records":[{{"type":"{kind}","about":{about},"time":{},"sections":{sections}}}]}}"#, self.clock);
        let client = self.client(author)?;
        let mut tries = 0;
        // A circle's key travels with its steward's log; a writer that has not got it yet tries again.
        let written = loop {
            match client.submit(&body, None) {
                Err(_) if tries < 100 => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
                other => break other.map_err(|error| format!("{author} {kind}: {error}"))?,
            }
        };
        let written = written.written().ok_or_else(|| format!("{author} {kind}: the record waits"))?;
        let id = written.records.first().map(|record| record.id).ok_or("nothing was written")?;
        self.told.records.push((author, id, holders.to_vec()));
        Ok(id)
    }

    fn general(&mut self) -> Result<(), String> {
        let forecast = self.secret("demand forecast", ALL)?;
        self.put(
            "G",
            "covenant",
            false,
            json!([{ "for": "public", "fields": { "title": "绿色食品公约", "commitment": "种得生态、供得新鲜、吃得安心" } }]),
            ALL,
        )?;
        self.put(
            "G",
            "forecast",
            false,
            json!([{ "for": "alliance", "fields": { "week": "2026-W48", "lettuceTonnes": 42.50, "note": forecast } }]),
            ALL,
        )?;
        self.put("Z", "feedback", false, json!([{ "for": "alliance", "fields": { "week": "2026-W46", "sold": 17250, "returned": 31 } }]), ALL)?;
        self.put(
            "G",
            "notice",
            false,
            json!([{ "for": "alliance", "fields": { "kind": "storm", "valley": "north", "from": "2026-11-22T04:00:00Z" } }]),
            ALL,
        )?;
        Ok(())
    }

    fn authorized(&mut self) -> Result<(), String> {
        let price = self.secret("purchase price", &["G", "Z"])?;
        let circle = self.circle("G", "价格与订单 G→Z", Tier::Authorized, &[("Z", Rights::Read)])?;
        for week in 47..52 {
            self.put("G", "order-plan", false, json!([{ "for": circle, "fields": { "week": week, "price": price, "tonnes": 8.0 } }]), &["G", "Z"])?;
        }
        let formula = self.secret("fertiliser formula", &["S", "G"])?;
        let circle = self.circle("S", "肥料配方 S→G", Tier::Authorized, &[("G", Rights::Read)])?;
        self.put("S", "formula", false, json!([{ "for": circle, "fields": { "formula": formula, "n": 12.0, "p": 8.5, "k": 14.0 } }]), &["S", "G"])?;
        let cost = self.secret("route costs", &["L", "G"])?;
        let costs = self.circle("L", "线路成本 L→G", Tier::Authorized, &[("G", Rights::Read)])?;
        let cold = self.circle("L", "温度 L→G、Z", Tier::Authorized, &[("G", Rights::Read), ("Z", Rights::Read)])?;
        for stop in 0..60 {
            let sections = [
                section(&cold, &[("stop", json!(stop).to_string()), ("temperature", measure(&format!("3.{}", stop % 7), "CEL"))]),
                section(&costs, &[("stop", json!(stop).to_string()), ("cost", text(&cost))]),
            ];
            let sections = format!("[{}]", sections.join(","));
            self.put("L", "route", true, sections, &["L", "G", "Z"])?;
        }
        Ok(())
    }

    fn developed(&mut self) -> Result<(), String> {
        let brand = self.secret("joint brand draft", &["G", "S", "Z"])?;
        let circle = self.circle("G", "共研空间 G·S·Z", Tier::Codevelopment, &[("S", Rights::Write), ("Z", Rights::Write)])?;
        let holders = &["G", "S", "Z"];
        self.put("G", "brand-draft", false, json!([{ "for": circle, "fields": { "name": brand, "version": 1 } }]), holders)?;
        for day in 0..30 {
            let height = 4.0 + f64::from(day) * 0.6;
            self.put("S", "trial", false, json!([{ "for": circle, "fields": { "day": day, "heightCm": height, "plot": "A3" } }]), holders)?;
        }
        for rating in 0..40 {
            self.put("Z", "rating", false, json!([{ "for": circle, "fields": { "stars": 3 + rating % 3, "store": rating % 9 } }]), holders)?;
        }
        Ok(())
    }

    fn lot(&mut self) -> Result<(), String> {
        for day in 0..20 {
            self.put("S", "field-log", true, json!([{ "for": "alliance", "fields": { "day": day, "irrigationMm": 3.5, "plot": "B7" } }]), ALL)?;
        }
        self.event(
            "S",
            "planting",
            &Event { day: 10, step: "commissioning", disposition: "active", place: "B7 号田", gln: FIELD },
            &[("productName", text("有机奶油生菜")), ("variety", text("奶油生菜")), ("certification", text("绿色食品"))],
        )?;
        self.event(
            "G",
            "harvesting",
            &Event { day: 18, step: "harvesting", disposition: "in_progress", place: "B7 号田", gln: FIELD },
            &[("harvestDate", text("2026-11-18")), ("quantityList", format!(r#"[{{"epcClass":"{}","quantity":480.0,"uom":"KGM"}}]"#, lot()))],
        )?;
        self.residue()?;
        self.event(
            "G",
            "packing",
            &Event { day: 19, step: "packing", disposition: "in_progress", place: "加工一厂", gln: PLANT },
            &[("packDate", text("2026-11-19")), ("netWeight", measure("250", "g"))],
        )?;
        self.event(
            "L",
            "shipping",
            &Event { day: 19, step: "shipping", disposition: "in_transit", place: "冷链 7 号车", gln: PLANT },
            &[("temperature", measure("3.2", "CEL"))],
        )?;
        self.event("Z", "receiving", &Event { day: 20, step: "receiving", disposition: "in_progress", place: "东城配送中心", gln: DEPOT }, &[])?;
        let shelf = Event { day: 20, step: "stocking", disposition: "sellable_accessible", place: "东城店", gln: SHOP };
        self.event("Z", "stocking", &shelf, &[("bestBefore", text("2026-11-27"))])
    }

    /// An EPCIS 2.0 event of the lot, public, with what a buyer wants to know first.
    fn event(&mut self, author: &'static str, kind: &str, event: &Event, more: &[(&str, String)]) -> Result<(), String> {
        let mut fields = vec![("place", text(event.place))];
        fields.extend_from_slice(more);
        fields.extend([
            ("type", text("ObjectEvent")),
            ("action", text("OBSERVE")),
            ("bizStep", text(event.step)),
            ("disposition", text(event.disposition)),
            ("eventTime", text(&format!("2026-11-{}T06:00:00.000Z", event.day))),
            ("eventTimeZoneOffset", text("+08:00")),
            ("readPoint", format!(r#"{{"id":"https://id.gs1.org/414/{}"}}"#, event.gln)),
        ]);
        if !more.iter().any(|(name, _)| *name == "quantityList") {
            fields.push(("quantityList", format!(r#"[{{"epcClass":"{}"}}]"#, lot())));
        }
        self.put(author, kind, true, format!("[{}]", section("public", &fields)), ALL).map(drop)
    }

    /// One record, one signature, three audiences.
    fn residue(&mut self) -> Result<(), String> {
        let value = self.secret("residue value", &["G", "R", "Z"])?;
        let cost = self.secret("laboratory cost", &["G"])?;
        let circle = self.circle("G", "农残检测 G→R、Z", Tier::Authorized, &[("R", Rights::Read), ("Z", Rights::Read)])?;
        let sections = [
            section("public", &[("result", text("pass")), ("standard", text("GB 2763"))]),
            section(&circle, &[("residue", measure("0.010", "mg/kg")), ("sample", text(&value))]),
            section("self", &[("labCost", text(&cost))]),
        ];
        self.told.residue = Some(self.put("G", "inspection", true, format!("[{}]", sections.join(",")), ALL)?);
        self.told.disclosed = (1, "residue");
        Ok(())
    }

    fn complaint(&mut self) -> Result<(), String> {
        self.put(
            "Z",
            "complaint",
            true,
            json!([{ "for": "alliance", "fields": { "what": "wilted leaves 叶片萎蔫", "store": "东城店", "boxes": 3 } }]),
            ALL,
        )?;
        self.put(
            "G",
            "inquiry",
            true,
            json!([{ "for": "alliance", "fields": { "looksAt": "field B7, truck 7", "finding": "door open 14 min at stop 31" } }]),
            ALL,
        )?;
        Ok(())
    }
}

/// What happened to the lot, where and when.
struct Event {
    /// Day of November 2026.
    day: u8,
    step: &'static str,
    disposition: &'static str,
    place: &'static str,
    gln: &'static str,
}

/// Locations of the story, with valid check digits.
const FIELD: &str = "6901234000016";
const PLANT: &str = "6901234000023";
const DEPOT: &str = "6905678000014";
const SHOP: &str = "6905678000021";

/// The lot as its Digital Link.
fn lot() -> String {
    format!("https://id.gs1.org/01/{GTIN}/10/{LOT}")
}

/// A section with its fields in this order, their values as they are.
fn section(audience: &str, fields: &[(&str, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{}:{value}", text(name))).collect();
    format!(r#"{{"for":{},"fields":{{{}}}}}"#, text(audience), fields.join(","))
}

/// A JSON string.
fn text(text: &str) -> String {
    json!(text).to_string()
}

/// A measure, its number as it was read.
fn measure(value: &str, unit: &str) -> String {
    format!(r#"{{"value":{value},"unit":{}}}"#, text(unit))
}
