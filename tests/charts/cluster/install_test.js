// The chart in a cluster: the one of KUBECONFIG, of which only its API server is needed. Everything is made in a
// namespace of its own and taken away; definitions of kinds are added where they are missing. What needs a kubelet,
// pods that run and helm test among it, is not shown here.
'use strict';
const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const yaml = require('js-yaml');
const { CHART, helm, template } = require('../helm.js');
const { matrix, everything } = require('../matrix.js');
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

describe('the chart at an API server', { skip }, () => {
  const added = [];
  let version;

  before(() => {
    must(kubectl(['create', 'namespace', namespace]));
    for (const definition of definitions()) {
      if (kubectl(['get', 'crd', definition.metadata.name]).status !== 0) {
        must(kubectl(['create', '-f', '-'], JSON.stringify(definition)));
        added.push(definition.metadata.name);
      }
    }
    for (const definition of added) {
      must(kubectl(['wait', '--for=condition=Established', '--timeout=60s', `crd/${definition}`]));
    }
    version = JSON.parse(must(kubectl(['version', '-o', 'json']))).serverVersion.gitVersion;
  });
  after(() => {
    kubectl(['delete', 'namespace', namespace, '--wait=false']);
    for (const definition of added) {
      kubectl(['delete', 'crd', definition, '--wait=false']);
    }
  });

  for (const [what, values] of Object.entries(matrix)) {
    test(`the server takes every object, with ${what}`, () => {
      const objects = yaml.loadAll(must(template(values, '--namespace', namespace, '--kube-version', version)))
        .filter((object) => object);
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      const applied = must(kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'],
        JSON.stringify(list)));
      assert.equal(applied.trim().split('\n').length, objects.length, applied);
    });
  }

  test('the server would refuse a field that does not exist', () => {
    const objects = yaml.loadAll(must(template({}, '--namespace', namespace, '--kube-version', version)));
    const daemonSet = objects.find((object) => object?.kind === 'DaemonSet');
    daemonSet.spec.template.spec.hostNet = true;
    const result = kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], JSON.stringify(daemonSet));
    assert.notEqual(result.status, 0);
    assert.match(result.stderr, /hostNet/);
  });

  for (const server of ['true', 'false']) {
    test(`install, upgrade, roll back and uninstall, server-side apply: ${server}`, () => {
      const how = `--server-side=${server}`;
      inNamespace('install', release, CHART, '--dry-run=server', how);
      inNamespace('install', release, CHART, how);
      assert.match(inNamespace('list'), new RegExp(`${release}.*deployed`));
      assert.deepEqual(ports(), ['9095/TCP', '9095/UDP']);
      const firstSeed = seed();
      const firstTls = ['correlator', 'probe', 'client'].map(tls);
      const checksum = () => get('daemonset', `${name}-probe`).spec.template.metadata.annotations['checksum/configuration'];
      const firstChecksum = checksum();

      // Nothing changes by an upgrade alone: what was generated is kept.
      inNamespace('upgrade', release, CHART, '--server-side=auto');
      assert.equal(seed(), firstSeed);
      assert.deepEqual(['correlator', 'probe', 'client'].map(tls), firstTls);
      assert.equal(checksum(), firstChecksum);

      inNamespace('upgrade', release, CHART, '--dry-run=server', '--set', 'correlator.service.port=9443');
      assert.deepEqual(ports(), ['9095/TCP', '9095/UDP']);
      inNamespace('upgrade', release, CHART, '--set', 'correlator.service.port=9443,probe.config.MAX_FLOWS=5000');
      // Both protocols of one number: a merge by number alone would lose one of them.
      assert.deepEqual(ports(), ['9443/TCP', '9443/UDP']);
      const container = get('deployment', `${name}-correlator`).spec.template.spec.containers[0];
      assert.deepEqual(container.ports.map((port) => `${port.containerPort}/${port.protocol}`),
        ['9443/TCP', '9443/UDP', '9090/TCP']);
      assert.equal(get('configmap', `${name}-probe`).data.MAX_FLOWS, '5000');
      assert.notEqual(checksum(), firstChecksum);

      inNamespace('rollback', release, '1');
      assert.deepEqual(ports(), ['9095/TCP', '9095/UDP']);
      assert.equal(checksum(), firstChecksum);

      // A Secret that is lost: all are made anew, since nobody has the authority's key any more.
      must(kubectl(['-n', namespace, 'delete', 'secret', `${name}-client-tls`]));
      inNamespace('upgrade', release, CHART);
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
    const fs = require('node:fs');
    const path = require('node:path');
    const folder = fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'chart-values-'));
    const file = path.join(folder, 'values.yaml');
    fs.writeFileSync(file, yaml.dump(everything));
    try {
      inNamespace('install', release, CHART, '--values', file);
      inNamespace('upgrade', release, CHART, '--values', file, '--set', 'correlator.metricsPort=9091');
      inNamespace('uninstall', release);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test('the correlator may look, and nothing else; probes may nothing', () => {
    inNamespace('install', release, CHART);
    const may = (component, verb, what) => kubectl(['auth', 'can-i', verb, what, '--all-namespaces',
      `--as=system:serviceaccount:${namespace}:${name}-${component}`]).stdout.trim() === 'yes';
    for (const what of ['pods', 'services', 'nodes', 'replicasets.apps', 'jobs.batch']) {
      for (const verb of ['get', 'list', 'watch']) {
        assert.ok(may('correlator', verb, what), `${verb} ${what}`);
        assert.ok(!may('probe', verb, what), `probe: ${verb} ${what}`);
      }
    }
    for (const [verb, what] of [['list', 'secrets'], ['get', 'configmaps'], ['delete', 'pods'], ['create', 'pods'],
      ['get', 'nodes/proxy']]) {
      assert.ok(!may('correlator', verb, what), `${verb} ${what}`);
    }
    inNamespace('uninstall', release);
  });
});
