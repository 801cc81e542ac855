//! A cluster that lives in librdkafka.

use rdkafka_sys as raw;

/// librdkafka's own cluster of two brokers that can be switched off, with a topic `t`; for faults that a real broker
/// cannot be made to show.
pub struct Mock {
    rk: *mut raw::rd_kafka_t,
    cluster: *mut raw::rd_kafka_mock_cluster_t,
}

impl Mock {
    pub fn new() -> Self {
        // SAFETY: the configuration is taken over, the handle owns the cluster, and the names end with zero.
        unsafe {
            let conf = raw::rd_kafka_conf_new();
            raw::rd_kafka_conf_set(conf, c"test.mock.num.brokers".as_ptr(), c"1".as_ptr(), std::ptr::null_mut(), 0);
            let rk = raw::rd_kafka_new(raw::rd_kafka_type_t::RD_KAFKA_PRODUCER, conf, std::ptr::null_mut(), 0);
            let cluster = raw::rd_kafka_handle_mock_cluster(rk);
            // It calls broker 0 its controller, and starts to count at 1.
            raw::rd_kafka_mock_broker_add(cluster, 0);
            raw::rd_kafka_mock_topic_create(cluster, c"t".as_ptr(), 1, 1);
            Self { rk, cluster }
        }
    }

    pub fn servers(&self) -> String {
        // SAFETY: the cluster is valid, and so is its string while it is.
        unsafe { std::ffi::CStr::from_ptr(raw::rd_kafka_mock_cluster_bootstraps(self.cluster)) }
            .to_str()
            .unwrap()
            .to_string()
    }

    /// Answers the next requests of this kind (Kafka's number) with these codes, one after the other.
    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub fn fail(&self, request: i16, codes: &[raw::rd_kafka_resp_err_t]) {
        // SAFETY: the cluster is valid, and the array is copied.
        unsafe { raw::rd_kafka_mock_push_request_errors_array(self.cluster, request, codes.len(), codes.as_ptr()) };
    }

    /// Answers requests of this kind as they come.
    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub fn mend(&self, request: i16) {
        // SAFETY: the cluster is valid.
        unsafe { raw::rd_kafka_mock_clear_request_errors(self.cluster, request) };
    }

    /// Lets this broker lead the partition of `t`, or nobody.
    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub fn lead(&self, broker: Option<i32>) {
        // SAFETY: the cluster is valid, and the name ends with zero.
        unsafe { raw::rd_kafka_mock_partition_set_leader(self.cluster, c"t".as_ptr(), 0, broker.unwrap_or(-1)) };
    }

    #[allow(dead_code, reason = "each test binary uses its own part")]
    pub fn set_up(&self, is_up: bool) {
        for broker in [0, 1] {
            // SAFETY: the cluster is valid.
            unsafe {
                match is_up {
                    true => raw::rd_kafka_mock_broker_set_up(self.cluster, broker),
                    false => raw::rd_kafka_mock_broker_set_down(self.cluster, broker),
                }
            };
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // SAFETY: the handle is owned.
        unsafe { raw::rd_kafka_destroy(self.rk) }
    }
}
