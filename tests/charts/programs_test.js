// The programs with what the chart gives them: its options are taken as they are, and the certificates that Helm
// generates let clients in, and nobody else. AUDIO_LATENCY_PROGRAMS is the folder of the programs.
'use strict';
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { environment, find, pods, render, renderAnew } = require('./helm.js');
const { HERE, PROGRAMS, startCorrelator } = require('./programs.js');

const skip = PROGRAMS === undefined ? 'AUDIO_LATENCY_PROGRAMS is not set' : false;

// Writes the files of a component's Secret, as the pod would see them, into a folder of `folder`.
function mountSecret(objects, component, folder) {
  const mounted = path.join(folder, component);
  fs.mkdirSync(mounted);
  for (const [name, data] of Object.entries(find(objects, 'Secret', `-${component}-tls`).data)) {
    fs.writeFileSync(path.join(mounted, name), Buffer.from(data, 'base64'));
  }
  return mounted;
}

// The environment of a component's pod; its certificate is in `mounted`.
function podEnvironment(objects, component, mounted) {
  const pod = pods(objects).find((other) => other.name.endsWith(`-${component}`));
  const all = { ...environment(objects, pod), SIGNATURE_SEED: 'seed of the test' };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => typeof value === 'string')
    .map(([name, value]) => [name, value.replace('/etc/audio-latency/tls', mounted)]));
}

describe('the programs with the chart’s options', { skip }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'charts-programs-'));
  const objects = render({});
  let correlator;
  let mounted;
  let client;

  before(async () => {
    mounted = mountSecret(objects, 'correlator', folder);
    client = mountSecret(objects, 'client', folder);
    mountSecret(objects, 'probe', folder);
    correlator = await startCorrelator({ ...podEnvironment(objects, 'correlator', mounted), ...HERE });
  });
  after(() => {
    correlator?.child.kill('SIGTERM');
    fs.rmSync(folder, { recursive: true });
  });

  const ask = (certificates) => {
    const { grpc_port: port } = correlator.lines.find((line) => line.event_type === 'startup_complete');
    return spawnSync(path.join(PROGRAMS, 'audio-latency'), ['nodes'], {
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        AUDIO_LATENCY_SERVER: `localhost:${port}`,
        AUDIO_LATENCY_CA_FILE: path.join(certificates, 'ca.crt'),
        AUDIO_LATENCY_CERT_FILE: path.join(certificates, 'tls.crt'),
        AUDIO_LATENCY_KEY_FILE: path.join(certificates, 'tls.key'),
      },
    });
  };

  test('the correlator takes every option that its ConfigMap has', () => {
    const { config } = correlator.lines.find((line) => line.event_type === 'startup');
    for (const [name, value] of Object.entries(find(objects, 'ConfigMap', '-correlator').data)) {
      if (HERE[name] === undefined && !name.startsWith('TLS_')) {
        assert.equal(config[name], value, name);
      }
    }
    assert.ok(!correlator.lines.some((line) => line.event_type === 'config_warning'),
      JSON.stringify(correlator.lines));
  });

  test('the probe takes every option that its ConfigMap has', () => {
    const result = spawnSync(path.join(PROGRAMS, 'audio-latency-probe'), ['check', '-o', 'json'], {
      encoding: 'utf8',
      env: { ...podEnvironment(objects, 'probe', path.join(folder, 'probe')), K8S_NODE_NAME: 'node-a' },
    });
    // 1: something is missing on this machine; 2: an option is wrong.
    assert.ok([0, 1].includes(result.status), `${result.status}: ${result.stdout}${result.stderr}`);
  });

  test('helm test’s certificate and the correlator’s own are good for questions', () => {
    for (const certificates of [client, mounted]) {
      const result = ask(certificates);
      assert.equal(result.status, 0, result.stdout + result.stderr);
    }
  });

  test('that of another installation is not', () => {
    const theirs = fs.mkdtempSync(path.join(folder, 'theirs-'));
    const result = ask(mountSecret(renderAnew({}), 'client', theirs));
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, /certificate|handshake|TLS|SSL/i);
  });
});
