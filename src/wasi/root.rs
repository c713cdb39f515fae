//! stand-in
use std::{any::Any, borrow::Cow, path::Path, time::SystemTime};
use wasmi_wasi::{WasiDir, WasiFile};
/// stand-in
#[derive(Clone)]
pub(crate) struct Root;
impl Root {
    pub(crate) fn new(_m: &[crate::Mount], _q: u64) -> Result<Self, crate::Error> {
        Ok(Self)
    }
    pub(crate) fn with_file(self, _p: &str, _b: impl Into<Cow<'static, [u8]>>) -> Self {
        self
    }
    pub(crate) fn with_device(
        self,
        _p: &str,
        _o: impl Fn() -> Box<dyn WasiFile> + Send + Sync + 'static,
    ) -> Self {
        self
    }
    pub(crate) fn with_clock(self, _n: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self
    }
    pub(crate) fn guest_path(&self, _h: &Path) -> Option<String> {
        None
    }
    pub(crate) fn preopen(&self) -> Box<dyn WasiDir> {
        Box::new(D)
    }
}
struct D;
#[async_trait::async_trait]
impl WasiDir for D {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
