//! A gauge that is left out of the page while its value is unknown.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::{EncodeGaugeValue, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;

/// A gauge whose value may be unknown. The page then has no such line, and no rule can take an old value for a new one.
#[derive(Debug, Clone)]
pub(super) struct OptionalGauge<V>(Arc<Mutex<Option<V>>>);

impl<V> Default for OptionalGauge<V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }
}

impl<V: Copy> OptionalGauge<V> {
    /// Sets the value; `None`: it is unknown.
    pub(super) fn set(&self, value: Option<V>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }

    /// Returns the value.
    pub(super) fn get(&self) -> Option<V> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Copy + EncodeGaugeValue> EncodeMetric for OptionalGauge<V> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self.get() {
            Some(value) => encoder.encode_gauge(&value),
            None => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.get().is_none()
    }
}
