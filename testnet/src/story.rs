//! The story of the demo: one lettuce from field to table, with everything that five enterprises share of it and withhold.

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
    fn put(&mut self, author: &'static str, kind: &str, about: bool, sections: Value, holders: &[&'static str]) -> Result<StatementId, String> {
        self.clock = self.clock.saturating_add(600_000);
        let subject = format!("https://id.gs1.org/01/{GTIN}/10/{LOT}");
        let about: Vec<&String> = about.then_some(&subject).into_iter().collect();
        let body = json!({ "records": [{ "type": kind, "about": about, "time": self.clock, "sections": sections }] });
        let client = self.client(author)?;
        let mut tries = 0;
        // A circle's key travels with its steward's log; a writer that has not got it yet tries again.
        let written = loop {
            match client.submit(&body.to_string(), None) {
                Err(_) if tries < 100 => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
                other => break other.map_err(|error| format!("{author} {kind}: {error}"))?,
            }
        };
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
            let degrees = 3.0 + f64::from(stop % 7) / 10.0;
            let sections = json!([
                { "for": cold, "fields": { "stop": stop, "temperature": { "value": degrees, "unit": "CEL" } } },
                { "for": costs, "fields": { "stop": stop, "cost": cost } },
            ]);
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
        let lot = format!("https://id.gs1.org/01/{GTIN}/10/{LOT}");
        let step = |number: u32, step: &str, disposition: &str, place: &str, extra: Value| {
            let mut event = json!({ "eventType": "ObjectEvent", "eventTime": format!("2026-11-{:02}T06:00:00.000Z", 10 + number), "eventTimeZoneOffset": "+08:00",
                "action": "OBSERVE", "bizStep": step, "disposition": disposition, "readPoint": place, "quantity": { "epcClass": lot, "quantity": 480.0, "uom": "KGM" } });
            if let (Some(event), Some(extra)) = (event.as_object_mut(), extra.as_object()) {
                event.extend(extra.clone());
            }
            json!([{ "for": "public", "fields": event }])
        };
        for day in 0..20 {
            self.put("S", "field-log", true, json!([{ "for": "alliance", "fields": { "day": day, "irrigationMm": 3.5, "plot": "B7" } }]), ALL)?;
        }
        self.put(
            "S",
            "planting",
            true,
            step(0, "commissioning", "active", "B7 号田", json!({ "productName": "有机奶油生菜", "variety": "奶油生菜" })),
            ALL,
        )?;
        self.put("G", "harvesting", true, step(8, "harvesting", "in_progress", "B7 号田", json!({ "harvestDate": "2026-11-18" })), ALL)?;
        self.residue()?;
        self.put("G", "packing", true, step(9, "packing", "in_progress", "加工一厂", json!({ "packDate": "2026-11-19" })), ALL)?;
        self.put(
            "L",
            "shipping",
            true,
            step(9, "shipping", "in_transit", "冷链 7 号车", json!({ "temperature": { "value": 3.2, "unit": "CEL" } })),
            ALL,
        )?;
        self.put("Z", "receiving", true, step(10, "receiving", "in_progress", "东城配送中心", json!({})), ALL)?;
        self.put("Z", "stocking", true, step(10, "stocking", "sellable_accessible", "东城店", json!({ "bestBefore": "2026-11-27" })), ALL)?;
        Ok(())
    }

    /// One record, one signature, three audiences.
    fn residue(&mut self) -> Result<(), String> {
        let value = self.secret("residue value", &["G", "R", "Z"])?;
        let cost = self.secret("laboratory cost", &["G"])?;
        let circle = self.circle("G", "农残检测 G→R、Z", Tier::Authorized, &[("R", Rights::Read), ("Z", Rights::Read)])?;
        let sections = json!([
            { "for": "public", "fields": { "result": "pass", "standard": "GB 2763" } },
            { "for": circle, "fields": { "residue": { "value": 0.010, "unit": "mg/kg" }, "sample": value } },
            { "for": "self", "fields": { "labCost": cost } },
        ]);
        self.told.residue = Some(self.put("G", "inspection", true, sections, ALL)?);
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
