// SPDX-License-Identifier: Apache-2.0
// What one would write in Node.js: mqtt, protobufjs, pg; 1,000 rows an INSERT.  The library acknowledges a message when
// it is received, before its row is committed.
//   consumer.js PORT FILTER DSN COUNT PROTO      prints "subscribed", and "received" after COUNT rows are committed
const mqtt = require('mqtt'), protobuf = require('protobufjs'), { Client } = require('pg');
const [port, filter, dsn, count, proto] = process.argv.slice(2);
const BATCH = 1000;
const Uplink = protobuf.loadSync(proto).lookupType('firewatch.v1.Uplink');
const database = new Client({ connectionString: dsn });
let rows = [], busy = false, recorded = 0;

async function write() {
  if (busy) return;
  busy = true;
  while (rows.length >= BATCH || (rows.length && recorded + rows.length >= Number(count))) {
    const batch = rows.splice(0, BATCH), columns = [0, 1, 2, 3, 4].map((k) => batch.map((row) => row[k]));
    await database.query('INSERT INTO consumed (device, boot_id, sequence, observed_at, value) SELECT * FROM ' +
      'unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[]) ON CONFLICT DO NOTHING', columns);
    recorded += batch.length;
  }
  busy = false;
  if (Number(count) && recorded >= Number(count)) console.log('received');
}

database.connect().then(() => {
  const client = mqtt.connect({ host: '127.0.0.1', port: Number(port), protocolVersion: 5, clientId: 'bench-node', clean: false,
    properties: { sessionExpiryInterval: 86400, receiveMaximum: 1000 } });
  client.on('connect', () => client.subscribe(filter, { qos: 1 }, () => console.log('subscribed')));
  client.on('message', (topic, payload) => {
    for (const r of Uplink.decode(payload).reports)
      rows.push([r.deviceId || topic.split('/')[3], r.bootId, String(r.sequence), String(r.observedAtMs), r.readings[0].value]);
    write();
  });
});
