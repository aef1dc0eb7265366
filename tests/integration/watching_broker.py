# SPDX-License-Identifier: Apache-2.0
"""A broker that watches: the broker's end of MQTT 5, as far as firewatchd goes, with the time of every packet.

Mosquitto cannot be asked when it got a PUBACK; this can.  A session outlives its connection, and what it has not
acknowledged comes again with the next, as the standard wants it.  One thread a connection."""
import contextlib
import socket
import struct
import threading
import time

from harness import pb, wait_until

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 12, 13, 14
NAMES = {CONNECT: "CONNECT", PUBLISH: "PUBLISH", PUBACK: "PUBACK", SUBSCRIBE: "SUBSCRIBE", PINGREQ: "PINGREQ",
         DISCONNECT: "DISCONNECT"}
SESSION_TAKEN_OVER = 0x8E
RECEIVE_MAXIMUM = 0x21
PROPERTY_BYTES = {0x01: 1, 0x02: 4, 0x11: 4, 0x17: 1, 0x18: 4, 0x19: 1, 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1, 0x25: 1,
                  0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}


def variable_int(n):
    out = b""
    while True:
        n, low = n >> 7, n & 0x7F
        out += bytes([low | (0x80 if n else 0)])
        if not n:
            return out


def text(value):
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + variable_int(len(body)) + body


class Reader:
    """Of one packet's body."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, count):
        self.at += count
        return self.body[self.at - count:self.at]

    def u16(self):
        return struct.unpack(">H", self.take(2))[0]

    def text(self):
        return self.take(self.u16()).decode()

    def variable_int(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def properties(self):
        found = {}
        length = self.variable_int()
        end = self.at + length
        while self.at < end:
            name = self.variable_int()
            if name not in PROPERTY_BYTES:
                self.at = end       # a text: nothing that matters here
                break
            found[name] = int.from_bytes(self.take(PROPERTY_BYTES[name]), "big")
        return found

    def rest(self):
        return self.take(len(self.body) - self.at)


class Seen:
    """One packet from the client."""

    def __init__(self, kind, **fields):
        self.at = time.monotonic()
        self.kind = kind
        self.__dict__.update(fields)

    def __repr__(self):
        return f"<{NAMES.get(self.kind, self.kind)} {self.at:.3f}>"


class Session:
    """Of one client id."""

    def __init__(self, client_id):
        self.client_id = client_id
        self.lock = threading.RLock()
        self.connection = None
        self.subscriptions = []
        self.keepalive_s = self.receive_maximum = None
        self.connects = 0
        self.packets = []       # Seen, in order
        self.waiting = {}       # identifier -> (topic, payload), oldest first: not acknowledged
        self.given = {}         # identifier -> how often it was sent
        self.acked = {}         # identifier -> when
        self.on_ack = lambda identifier: None
        self.last_identifier = 0

    def seen(self, kind):
        with self.lock:
            return [p for p in self.packets if p.kind == kind]

    def publish(self, topic, payload):
        """With QoS 1; returns the identifier, which is not used again."""
        with self.lock:
            self.last_identifier += 1
            identifier = self.last_identifier
            self.waiting[identifier] = (topic, payload)
            if self.subscriptions and self.connection:
                self.deliver(identifier)
            return identifier

    def deliver(self, identifier):
        topic, payload = self.waiting[identifier]
        again = identifier in self.given
        self.given[identifier] = self.given.get(identifier, 0) + 1
        self.send(packet(PUBLISH, 2 | (8 if again else 0),
                         text(topic) + struct.pack(">H", identifier) + b"\0" + payload))

    def deliver_waiting(self):
        assert len(self.waiting) <= self.receive_maximum
        for identifier in list(self.waiting):
            self.deliver(identifier)

    def send(self, data):
        with self.lock, contextlib.suppress(OSError):
            if self.connection:
                self.connection.sendall(data)

    def disconnect(self, reason):
        """Tells the client why, and closes."""
        with self.lock:
            self.send(packet(DISCONNECT, 0, bytes([reason, 0])))
            self.close()

    def close(self):
        with self.lock, contextlib.suppress(OSError):
            if self.connection:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.connection = None

    def await_ack(self, identifier, timeout_s=30):
        """When it came."""
        return wait_until(lambda: self.acked.get(identifier), timeout_s, f"PUBACK {identifier} of {self.client_id}")


class WatchingBroker:
    def __init__(self, tls=None):
        self.sessions = {}
        self.lock = threading.Lock()
        self.tls = tls          # an ssl.SSLContext
        self.faults = []        # what a client did against the standard
        self.closing = False
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closing:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def session(self, lane, timeout_s=30):
        """The session of the daemon's lane, when it is connected and subscribed."""
        def find():
            with self.lock:
                return next((s for c, s in self.sessions.items()
                             if c.endswith("-" + lane) and s.connection and s.subscriptions), None)
        return wait_until(find, timeout_s, f"a session of the {lane} lane")

    def serve(self, connection):
        session = None
        with contextlib.suppress(OSError, EOFError), connection:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = connection.makefile("rb")
            while True:
                first = self.exactly(stream, 1)[0]
                body = Reader(self.exactly(stream, self.remaining_length(stream)))
                kind, flags = first >> 4, first & 0x0F
                if session is None:
                    session = self.connected(connection, kind, body)
                else:
                    with session.lock:
                        if session.connection is not connection:
                            break       # another has come
                        self.handle(session, kind, flags, body)
        if session:
            with session.lock:
                if session.connection is connection:
                    session.connection = None

    @staticmethod
    def exactly(stream, count):
        data = stream.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def remaining_length(self, stream):
        value = shift = 0
        while True:
            byte = self.exactly(stream, 1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def connected(self, connection, kind, body):
        protocol, version, flags, keepalive_s = body.text(), body.take(1)[0], body.take(1)[0], body.u16()
        if (kind, protocol, version) != (CONNECT, "MQTT", 5):
            self.faults.append(f"no CONNECT of MQTT 5: {kind} {protocol} {version}")
            raise EOFError
        properties = body.properties()
        client_id = body.text()
        with self.lock:
            known = client_id in self.sessions and not flags & 2
            if not known:
                self.sessions[client_id] = Session(client_id)
            session = self.sessions[client_id]
        with session.lock:
            session.close()
            session.packets.append(Seen(CONNECT, keepalive_s=keepalive_s, clean=bool(flags & 2)))
            session.connection, session.keepalive_s = connection, keepalive_s
            session.receive_maximum = properties.get(RECEIVE_MAXIMUM, 65535)
            session.connects += 1
            session.send(packet(CONNACK, 0, bytes([known, 0, 0])))
            session.deliver_waiting()
        return session

    def handle(self, session, kind, flags, body):
        if kind == PUBACK:
            self.acknowledged(session, body.u16())
        elif kind == PUBLISH:
            topic = body.text()
            if flags & 6:
                self.faults.append("a receipt with a QoS")
            body.properties()
            session.packets.append(Seen(PUBLISH, topic=topic, payload=body.rest()))
        elif kind == SUBSCRIBE:
            self.subscribed(session, body)
        elif kind == PINGREQ:
            session.packets.append(Seen(PINGREQ))
            session.send(packet(PINGRESP, 0, b""))
        elif kind == DISCONNECT:
            session.packets.append(Seen(DISCONNECT))
            session.close()
        else:
            self.faults.append(f"packet type {kind}")

    def acknowledged(self, session, identifier):
        session.packets.append(Seen(PUBACK, identifier=identifier))
        session.acked[identifier] = session.packets[-1].at
        if session.waiting.pop(identifier, None) is None:
            self.faults.append(f"PUBACK {identifier} of {session.client_id} twice, or for nothing")
        session.on_ack(identifier)

    @staticmethod
    def subscribed(session, body):
        identifier = body.u16()
        body.properties()
        filters = []
        while body.at < len(body.body):
            filters.append((body.text(), body.take(1)[0]))
        session.packets.append(Seen(SUBSCRIBE, filters=filters))
        new = not session.subscriptions
        session.subscriptions = filters
        session.send(packet(SUBACK, 0, struct.pack(">H", identifier) + b"\0" + bytes([1] * len(filters))))
        if new:
            session.deliver_waiting()

    # what a harness.Device publishes by, in the place of harness.Mqtt

    def publish(self, topic, payload):
        return self.session(topic.rpartition("/")[2]).publish(topic, payload)

    def entries(self, device, boot_id=1):
        """Of the receipts that the daemon has sent."""
        return [entry for session in self.sessions.values() for seen in session.seen(PUBLISH)
                for entry in pb.Receipt.FromString(seen.payload).entries
                if seen.topic.split("/")[3] == device and entry.boot_id == boot_id]

    def close(self):
        self.closing = True
        self.server.close()
        for session in self.sessions.values():
            session.close()
