//! A wire between clients and a broker that can be cut, stalled, slowed and reset.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

/// Between two looks at what the wire is to do.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes carried at a time; a slow wire rests after each.
const PIECE: usize = 4 * 1024;
const SLOW: Duration = Duration::from_millis(20);

/// What a wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// Carries everything.
    None,
    /// Ends all connections and takes no new ones.
    Cut,
    /// Keeps connections and carries nothing.
    Stall,
    /// Carries a little at a time.
    Slow,
    /// Ends all connections with what was under way lost; new ones are taken.
    Reset,
}

impl Fault {
    /// All that disturb.
    pub const ALL: [Self; 4] = [Self::Cut, Self::Stall, Self::Slow, Self::Reset];
}

struct State {
    fault: AtomicU8,
    ended: AtomicBool,
}

impl State {
    fn is(&self, fault: Fault) -> bool {
        self.fault.load(Ordering::Relaxed) == fault as u8
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }
}

/// A wire to one address; ends with its owner.
pub struct Proxy {
    state: Arc<State>,
    port: u16,
}

impl Proxy {
    /// A wire from a free port of this machine to `port` of it.
    ///
    /// # Panics
    /// Where there is no free port.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let own = listener.local_addr().expect("its address").port();
        let state =
            Arc::new(State { fault: AtomicU8::new(Fault::None as u8), ended: AtomicBool::new(false) });
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &shared));
        Self { state, port: own }
    }

    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does this from now on.
    pub fn set(&self, fault: Fault) {
        self.state.fault.store(fault as u8, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

fn accept(listener: &TcpListener, to: SocketAddr, state: &Arc<State>) {
    while !state.has_ended() {
        match listener.accept() {
            Ok((client, _)) if !state.is(Fault::Cut) => {
                if let Ok(server) = TcpStream::connect(to) {
                    carry(&client, &server, state);
                    carry(&server, &client, state);
                }
            }
            // Who comes to a cut wire is sent away.
            Ok(_) => {}
            Err(_) => thread::sleep(LOOK),
        }
    }
}

/// Carries one way on a thread of its own.
fn carry(from: &TcpStream, to: &TcpStream, state: &Arc<State>) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    let state = Arc::clone(state);
    thread::spawn(move || {
        // Without these the loop would not look at the state; they fail on a socket that has ended only.
        let _ = from.set_nonblocking(false);
        let _ = from.set_read_timeout(Some(LOOK));
        let mut piece = [0; PIECE];
        while !state.has_ended() && !state.is(Fault::Cut) && !state.is(Fault::Reset) {
            if state.is(Fault::Stall) {
                thread::sleep(LOOK);
                continue;
            }
            match from.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    if state.is(Fault::Slow) {
                        thread::sleep(SLOW);
                    }
                    if to.write_all(&piece[..count]).is_err() {
                        break;
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        // The other side may have done so already.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
