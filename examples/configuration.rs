//! Opens a storage by the name of its configuration file, and changes its settings.

fn main() -> kafi::Result<()> {
    // configs/locals/local.yaml; for values from the environment, such as ${KAFI_KAFKA_PASSWORD}, see
    // configs/clusters/ccloud.yaml.
    let name = std::env::args().nth(1).unwrap_or("locals/local".into());
    let mut c = kafi::open(&name)?;

    c.settings_mut().consume_batch_size = 500;
    c.settings_mut().set("consume.timeout", "1.0")?;

    println!("{} is of the kind {} and holds {} topics", c.storage().name(), c.storage().scheme(), c.ls()?.len());
    for key in kafi::Settings::keys() {
        println!("{}: {} ({})", key.name, c.settings().get(key.name).unwrap_or_default(), key.meaning);
    }
    Ok(())
}
