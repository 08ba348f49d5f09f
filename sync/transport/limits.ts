/** What the transport holds at most, whatever others do, and how long it waits. Times are in milliseconds. */

/** A frame is held in memory whole; the protocols of the node stay below a mebibyte. */
export const FRAME_BYTES_MAX = 2 ** 20;

/** Bytes taken from a line before the reader asks for more: enough to keep a reader busy while the line fills again. */
export const STREAM_READ_AHEAD_BYTES = 256 * 2 ** 10;

/**
 * Bytes a peer may send before a stream's reader has taken any: 80 Mbit/s over a line of 100 ms. It bounds what a stream
 * holds in memory; yamux by itself grows to 16 MiB, which is more than its own read buffer takes.
 */
export const STREAM_WINDOW_BYTES = 2 ** 20;

/**
 * Bytes that are thrown away of a stream that this side has closed. An honest peer hears of the end one way of the line later
 * and stops; what it had sent by then fits into a few windows.
 */
export const STREAM_DISCARDED_BYTES_MAX = 4 * STREAM_WINDOW_BYTES;

/** Lines to all peers together: more than a cooperative has devices, few enough for the files a process may open. */
export const LINES_MAX = 300;

/** Two devices that dial each other at once have two lines, and a relayed one may be there too. */
export const LINES_PER_PEER_MAX = 4;

/**
 * Lines of devices that the node does not look for itself: one that redeems a ticket needs one for a moment. The other lines
 * are there for members, however many keys somebody makes.
 */
export const STRANGER_LINES_MAX = 64;

/** Those from one network address: some devices that join together behind one router. */
export const STRANGER_LINES_PER_NETWORK_MAX = 8;

/** Such a line is ended after so long: whoever has redeemed a ticket by then is no stranger any more. */
export const STRANGER_LINE_MILLISECONDS = 60_000;

/** The same for a relay, whose devices are in no space that it knows: all but a hundred lines, and no end of their time. */
export const RELAY_STRANGER_LINES_MAX = 200;

/** A cooperative behind one router comes to its relay from one network address. */
export const RELAY_STRANGER_LINES_PER_NETWORK_MAX = 64;

/** Streams that one line may have open, over all protocols. */
export const STREAMS_PER_LINE_MAX = 128;

/** Lines that are being built up by others at the same time; what is above it was sent by no honest device. */
export const PENDING_INBOUND_MAX = 32;

/** Those from one network address, so that nobody who begins lines and says nothing holds up all others. */
export const PENDING_PER_NETWORK_MAX = PENDING_INBOUND_MAX / 2;

/** New lines a second from one network address: devices behind one router come back together after it restarts. */
export const INBOUND_PER_SECOND_MAX = 50;

/** Peers that are refused for a while at the same time; the one whose time is over first makes room. */
export const REFUSED_PEERS_MAX = 1000;

/**
 * Of a network address from which a refused peer came, one new line is taken in so long: five handshakes a second cost about
 * a fiftieth of a core. Other devices behind the address get in between, keep the lines that they have, and are dialled.
 */
export const SLOWED_LINE_MILLISECONDS = 200;

/** That holds for so long after a refused peer came from there the last time. */
export const SLOWED_MILLISECONDS = 60_000;

/** Network addresses that are slowed at the same time; the one of which was heard longest ago makes room. */
export const SLOWED_NETWORKS_MAX = 1000;

/** Dials at the same time; the others wait. */
export const PARALLEL_DIALS_MAX = 16;

/** Dials that wait. */
export const DIAL_QUEUE_MAX = 500;

/** A dial tries the addresses of a peer one after another; each may take so long. */
export const ADDRESS_DIAL_MILLISECONDS = 5000;

/** A dial with all its addresses. */
export const DIAL_MILLISECONDS = 30_000;

/** Addresses kept of one peer: some networks, two families, some relays. */
export const ADDRESSES_PER_PEER_MAX = 16;

/** Peers whose addresses are kept; those that the node wants to be connected with stay longest. */
export const ADDRESS_BOOK_PEERS_MAX = 1000;

/** Characters of an address: a relayed one over a long host name has some 250. */
export const ADDRESS_LENGTH_MAX = 400;

/** How often the transport looks after its lines, streams, dials and relays. */
export const BEAT_MILLISECONDS = 1000;

/** Both sides of a line say something at least so often. */
export const KEEP_ALIVE_MILLISECONDS = 2000;

/** A line on which nothing came for so long is dead: three signs of life are missing, and the peer is gone within 10 s. */
export const SILENCE_MAX_MILLISECONDS = 6000;

/** A stream on which nothing moved for so long is ended: its reader or its writer has forgotten it. */
export const STREAM_IDLE_MILLISECONDS = 300_000;

/** A stream that one side has closed waits so long for the other. */
export const STREAM_HALF_OPEN_MILLISECONDS = 30_000;

/** Closing waits so long for a slow reader to take what was sent. */
export const STREAM_CLOSE_MILLISECONDS = 30_000;

/** The first try to reach a peer again comes after about so long, each later one after twice as long. */
export const REDIAL_MILLISECONDS_MIN = 1000;

/** The longest time between two tries: a device that was away a week is found again in minutes. */
export const REDIAL_MILLISECONDS_MAX = 300_000;

/** A line that has held for so long was no accident: the next loss is followed by a quick redial. */
export const LINE_SETTLED_MILLISECONDS = 30_000;

/** Peers of which bytes are counted; the one counted longest ago makes room. */
export const COUNTED_PEERS_MAX = 1000;

/** Protocols of which bytes are counted for one peer: the node has few of its own. */
export const COUNTED_PROTOCOLS_MAX = 32;

/** Devices for which a node is a relay: a cooperative and its members. */
export const RELAY_RESERVATIONS_MAX = 128;

/** A reservation is renewed long before it ends, and forgotten soon after its device is gone. */
export const RELAY_RESERVATION_MILLISECONDS = 3_600_000;

/**
 * Bytes of one relayed line. A slow reader makes the relay hold what the sender is ahead, so that this bounds memory as
 * well; what is longer goes on over the next line.
 */
export const RELAY_LINE_BYTES_MAX = 128 * 2 ** 20;

/** Time of one relayed line, so that nobody holds one for good. */
export const RELAY_LINE_MILLISECONDS_MAX = 3_600_000;

/** Relayed lines that one device may have open through this relay. */
export const RELAY_LINES_PER_PEER_MAX = 16;
