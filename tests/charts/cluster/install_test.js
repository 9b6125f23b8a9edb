// The chart in a cluster: the one of KUBECONFIG, of which only its API server is needed. Everything is made in a
// namespace of its own and taken away; definitions of kinds are added where they are missing. What needs a kubelet,
// pods that run and helm test among it, is not shown here.
'use strict';
const { after, afterEach, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const yaml = require('js-yaml');
const { CHART, helm, templateOf } = require('../helm.js');
const { matrix, everything } = require('../matrix.js');
const { HERE, PROGRAMS, startCorrelator } = require('../programs.js');
const { definitions } = require('./kinds.js');

const skip = process.env.KUBECONFIG === undefined ? 'KUBECONFIG is not set' : false;
const id = randomBytes(4).toString('hex');
const namespace = `chart-test-${id}`;
// Objects without a namespace are called after the release, too.
const release = `alt-${id}`;
const name = `${release}-audio-latency-tracker`;

function kubectl(args, input) {
  const result = spawnSync(process.env.KUBECTL ?? 'kubectl', args, { encoding: 'utf8', input, maxBuffer: 1 << 26 });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

function must(result) {
  assert.equal(result.status, 0, result.stdout + result.stderr);
  return result.stdout;
}

const get = (kind, object) => JSON.parse(must(kubectl(['-n', namespace, 'get', kind, object, '-o', 'json'])));
const inNamespace = (...args) => must(helm(...args, '--namespace', namespace));
const ports = () => get('service', `${name}-correlator`).spec.ports
  .map(({ port, protocol }) => `${port}/${protocol}`).sort();
const tls = (component) => get('secret', `${name}-${component}-tls`).data;
const seed = () => get('secret', `${name}-signature-seed`).data.seed;

// A server that was built from source without a release's version tells v0.0.0, which no chart that asks for a
// version takes: for it a copy of the chart that does not ask.
function chartFor(version, folder) {
  if (!version.startsWith('v0.0.0')) {
    return CHART;
  }
  const copy = path.join(folder, 'chart');
  fs.cpSync(CHART, copy, { recursive: true });
  const file = path.join(copy, 'Chart.yaml');
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^kubeVersion:.*\n/m, ''));
  return copy;
}

// Whether the server is older than 1.`minor`.
function isBefore(version, minor) {
  return Number(version.match(/^v\d+\.(\d+)/)[1]) < minor;
}

describe('the chart at an API server', { skip }, () => {
  const added = [];
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'chart-install-'));
  let version;
  let chart;

  before(() => {
    must(kubectl(['create', 'namespace', namespace]));
    const there = must(kubectl(['get', 'crd', '-o', 'name'])).split('\n');
    const missing = definitions().filter(({ metadata }) =>
      !there.some((line) => line.endsWith(`/${metadata.name}`)));
    if (missing.length > 0) {
      must(kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: missing })));
      added.push(...missing.map(({ metadata }) => `crd/${metadata.name}`));
      must(kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...added]));
    }
    version = JSON.parse(must(kubectl(['version', '-o', 'json']))).serverVersion.gitVersion;
    chart = chartFor(version, folder);
  });
  // Also where a test failed before it came to that.
  afterEach(() => helm('uninstall', release, '--namespace', namespace, '--ignore-not-found'));
  after(() => {
    kubectl(['delete', '--wait=false', `namespace/${namespace}`, ...added]);
    fs.rmSync(folder, { recursive: true });
  });

  // What the chart makes of `values` as release `as`.
  const objectsOf = (as, values) => yaml.loadAll(must(templateOf(as, chart, values, '--namespace', namespace,
    '--kube-version', version))).filter((object) => object);
  // As the server would take them; kubectl refuses fields that the server's own description does not have.
  const dryRun = (objects) => kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));

  test('the server takes every object, with all values of the matrix', () => {
    // Load balancers of two protocols came with Kubernetes 1.26.
    const rows = Object.entries(matrix).filter(([what]) => what !== 'a load balancer' || !isBefore(version, 26));
    const objects = rows.flatMap(([, values], index) => objectsOf(`row-${index}`, values));
    assert.ok(objects.length > 15 * rows.length);
    assert.equal(must(dryRun(objects)).trim().split('\n').length, objects.length);
  });

  test('the server would refuse a field that does not exist', () => {
    const [daemonSet] = objectsOf(release, {}).filter((object) => object.kind === 'DaemonSet');
    daemonSet.spec.template.spec.hostNet = true;
    const result = dryRun([daemonSet]);
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, /hostNet/);
  });

  for (const server of ['true', 'false']) {
    test(`install, upgrade, roll back and uninstall, server-side apply: ${server}`, () => {
      const how = `--server-side=${server}`;
      inNamespace('install', release, chart, '--dry-run=server', how);
      inNamespace('install', release, chart, how);
      assert.match(inNamespace('list'), new RegExp(`${release}.*deployed`));
      assert.deepEqual(ports(), ['9095/TCP', '9095/UDP']);
      const firstSeed = seed();
      const firstTls = ['correlator', 'probe', 'client'].map(tls);
      const checksum = () => get('daemonset', `${name}-probe`).spec.template.metadata.annotations['checksum/configuration'];
      const firstChecksum = checksum();

      // Nothing changes by an upgrade alone: what was generated is kept.
      inNamespace('upgrade', release, chart, '--server-side=auto');
      assert.equal(seed(), firstSeed);
      assert.deepEqual(['correlator', 'probe', 'client'].map(tls), firstTls);
      assert.equal(checksum(), firstChecksum);

      // A merge on the client's side knows ports by their number alone and loses one of two protocols where the
      // number changes (README.md of the chart); the server's does not.
      const port = server === 'true' ? 9443 : 9095;
      const change = `correlator.service.port=${port},probe.config.MAX_FLOWS=5000,correlator.service.annotations.a=b`;
      inNamespace('upgrade', release, chart, '--dry-run=server', '--set', change);
      assert.deepEqual(ports(), ['9095/TCP', '9095/UDP']);
      inNamespace('upgrade', release, chart, '--set', change);
      assert.deepEqual(ports(), [`${port}/TCP`, `${port}/UDP`]);
      const container = get('deployment', `${name}-correlator`).spec.template.spec.containers[0];
      assert.deepEqual(container.ports.map((other) => `${other.containerPort}/${other.protocol}`).sort(),
        ['9090/TCP', `${port}/TCP`, `${port}/UDP`].sort());
      assert.equal(get('configmap', `${name}-probe`).data.MAX_FLOWS, '5000');
      assert.notEqual(checksum(), firstChecksum);

      inNamespace('rollback', release, '1');
      assert.deepEqual(ports(), ['9095/TCP', '9095/UDP']);
      assert.equal(checksum(), firstChecksum);

      // A Secret that is lost: all are made anew, since nobody has the authority's key any more.
      must(kubectl(['-n', namespace, 'delete', 'secret', `${name}-client-tls`]));
      inNamespace('upgrade', release, chart);
      const authorities = ['correlator', 'probe', 'client'].map((component) => tls(component)['ca.crt']);
      assert.equal(new Set(authorities).size, 1);
      assert.notEqual(authorities[0], firstTls[0]['ca.crt']);
      assert.equal(seed(), firstSeed);

      inNamespace('uninstall', release);
      const kinds = 'daemonset,deployment,service,configmap,secret,serviceaccount,networkpolicy,poddisruptionbudget';
      assert.equal(must(kubectl(['-n', namespace, 'get', kinds, '-l', `app.kubernetes.io/instance=${release}`, '-o', 'name'])), '');
      assert.equal(must(kubectl(['get', 'clusterrole,clusterrolebinding', '-l',
        `app.kubernetes.io/instance=${release}`, '-o', 'name'])), '');
    });
  }

  test('with everything switched on, too', () => {
    const file = path.join(folder, 'values.yaml');
    fs.writeFileSync(file, yaml.dump(everything));
    inNamespace('install', release, chart, '--values', file);
    inNamespace('upgrade', release, chart, '--values', file, '--set', 'correlator.metricsPort=9091');
    inNamespace('uninstall', release);
  });

  test('the correlator may look, and nothing else; probes may nothing', () => {
    inNamespace('install', release, chart);
    const may = (component, verb, what, ...more) => kubectl(['auth', 'can-i', verb, what, '--all-namespaces', ...more,
      `--as=system:serviceaccount:${namespace}:${name}-${component}`]).stdout.trim() === 'yes';
    for (const [verb, what] of [['get', 'pods'], ['list', 'pods'], ['watch', 'pods'], ['watch', 'services'],
      ['watch', 'nodes'], ['watch', 'replicasets.apps'], ['watch', 'jobs.batch']]) {
      assert.ok(may('correlator', verb, what), `${verb} ${what}`);
    }
    assert.ok(!may('probe', 'list', 'pods'));
    for (const [verb, what, ...more] of [['list', 'secrets'], ['get', 'configmaps'], ['delete', 'pods'], ['create', 'pods'],
      ['get', 'nodes', '--subresource=proxy']]) {
      assert.ok(!may('correlator', verb, what, ...more), `${verb} ${what} ${more}`);
    }
    inNamespace('uninstall', release);
  });

  const programs = PROGRAMS === undefined ? 'AUDIO_LATENCY_PROGRAMS is not set' : false;
  test('the real correlator lists and watches with these rights', { skip: programs }, async () => {
    inNamespace('install', release, chart, '--set', 'tls.mode=plainText');
    const token = must(kubectl(['-n', namespace, 'create', 'token', `${name}-correlator`])).trim();
    const access = JSON.parse(must(kubectl(['config', 'view', '--raw', '--minify', '-o', 'json'])));
    access.users[0].user = { token };
    const kubeconfig = path.join(folder, 'correlator.kubeconfig');
    fs.writeFileSync(kubeconfig, JSON.stringify(access), { mode: 0o600 });
    const { child, lines } = await startCorrelator({ ...get('configmap', `${name}-correlator`).data, ...HERE,
      SIGNATURE_SEED: seed(), KUBECONFIG: kubeconfig });
    try {
      const { metrics_port: port } = lines.find((line) => line.event_type === 'startup_complete');
      // "synced" is said once every kind has been listed and is watched without an error.
      let text = '';
      for (let attempt = 0; attempt < 300 && !text.includes('kubernetes: synced'); ++attempt) {
        text = await (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
        await new Promise((resolve) => { setTimeout(resolve, 100); });
      }
      assert.match(text, /kubernetes: synced/);
    } finally {
      child.removeAllListeners('exit');
      child.kill('SIGTERM');
    }
    inNamespace('uninstall', release);
  });
});
