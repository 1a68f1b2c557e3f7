//! One suite for the reactor, run against every engine, like Twisted's `ReactorBuilder`.

mod clients;
mod connections;
mod ending;
mod hooks;
mod producers;
mod serving;
#[path = "../../../common/tests/shared/serving.rs"]
mod shared;
#[path = "../../../common/tests/shared/stream.rs"]
mod stream;
mod timers;

/// Makes each function a test for each engine.
macro_rules! for_every_engine {
    ($($module:ident::$test:ident),* $(,)?) => {
        for_every_engine!(@ tokio, Tokio, $($module::$test),*);
        for_every_engine!(@ mio, Mio, $($module::$test),*);
        for_every_engine!(@ select, Select, $($module::$test),*);
        #[cfg(all(feature = "completion", target_os = "linux"))]
        for_every_engine!(@ uring, Uring, $($module::$test),*);
    };
    (@ $name:ident, $engine:ident, $($module:ident::$test:ident),*) => {
        mod $name {
            $(
                #[test]
                fn $test() -> std::io::Result<()> {
                    crate::$module::$test(reactor_echo::EngineKind::$engine)
                }
            )*
        }
    };
}

for_every_engine![
    serving::every_byte_comes_back,
    serving::queued_writes_come_back_too,
    serving::faults_change_nothing,
    serving::data_behind_an_urgent_mark_is_read,
    serving::no_more_than_the_limit_are_accepted,
    serving::a_client_that_does_not_read_delays_nobody,
    serving::stop_flushes_pending_output,
    serving::only_silent_connections_are_closed,
    serving::a_stop_tries_to_accept_again,
    timers::calls_come_in_the_order_of_their_times,
    timers::a_call_from_a_callback_waits_for_the_callback_or_an_iteration,
    timers::calls_are_cancelled_and_moved,
    timers::bytes_that_came_in_time_keep_a_connection,
    timers::a_timeout_lets_pending_output_be_sent,
    timers::a_timeout_does_not_delay_a_close,
    connections::a_paused_connection_gets_nothing,
    connections::a_pause_holds_within_the_iteration,
    connections::a_client_that_does_not_read_is_not_read,
    connections::others_are_reached_by_their_keys,
    connections::the_key_of_a_closed_connection_returns_none,
    connections::a_factory_may_refuse,
    connections::a_closed_port_leaves_its_connections,
    connections::add_reader_watches_a_descriptor,
    ending::everything_written_is_sent_before_the_connection_is_lost,
    ending::unread_input_does_not_destroy_the_last_answer,
    ending::what_the_kernel_takes_is_sent_after_the_shutdown_timeout,
    ending::an_idle_connection_does_not_delay_a_stop,
    ending::an_abort_is_a_reset,
    ending::an_abort_overrides_a_close_in_good_order,
    ending::pending_output_is_sent_after_the_peers_end,
    ending::a_protocol_may_go_on_after_the_peers_end,
    ending::lose_write_connection_keeps_reading,
    ending::a_reset_is_the_reason,
    ending::a_stop_calls_connection_lost_of_all_protocols,
    ending::clients_in_the_backlog_are_not_reset_by_a_stop,
    producers::a_pull_producer_is_asked_once_for_each_piece,
    producers::a_pull_producer_that_writes_nothing_is_left_alone,
    producers::a_push_producer_is_paused_above_the_high_water_mark,
    producers::a_producer_is_stopped_with_its_consumer,
    producers::a_producer_is_stopped_with_the_reactor,
    clients::a_client_talks_to_a_server_in_the_same_loop,
    clients::a_refused_connect_is_tried_again,
    clients::a_connect_that_fails_at_once_lets_the_loop_go_on,
    clients::client_connection_lost_is_called_when_no_protocol_is_built,
    clients::stop_connecting_ends_a_connect,
    clients::a_connect_fails_after_its_timeout,
    clients::client_connection_lost_is_called_for_a_lost_connection,
];
