// The product's programs, as the tests of the chart start them.
'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');

// The folder that they are in.
const PROGRAMS = process.env.AUDIO_LATENCY_PROGRAMS;
// Ports that are free, instead of the cluster's.
const HERE = { GRPC_ADDRESS: '127.0.0.1', GRPC_PORT: '0', METRICS_ADDRESS: '127.0.0.1', METRICS_PORT: '0' };

// Starts the correlator; resolves to {child, lines} once it listens. `lines` are the fields of what it logs.
function startCorrelator(environmentOfIt) {
  const child = spawn(path.join(PROGRAMS, 'audio-latency-correlator'), [], { env: environmentOfIt });
  const lines = [];
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the correlator ended with ${code}: ${text}`)));
    child.stderr.on('data', (data) => { text += data; });
    let unread = '';
    child.stdout.on('data', (data) => {
      text += data;
      unread += data;
      const whole = unread.split('\n');
      unread = whole.pop();
      lines.push(...whole.map((line) => JSON.parse(line).fields));
      if (lines.some((line) => line.event_type === 'startup_complete')) {
        resolve({ child, lines });
      }
    });
  });
}

module.exports = { PROGRAMS, HERE, startCorrelator };
