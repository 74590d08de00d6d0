//! stub
pub mod event {
    //! stub
    /// stub
    pub struct Event;
    impl Event {
        /// stub
        pub fn signal(&self, _: u32) {}
        /// stub
        pub fn waiter_hart(&self) -> Option<usize> { None }
    }
}
