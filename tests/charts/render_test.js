// What comes out of the chart, for each line of the matrix: well-formed, and everything that is named is there.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { NAMESPACE, find, lint, ofKind, pods, render, template } = require('./helm.js');
const { matrix, everything, least } = require('./matrix.js');

const CLUSTER_KINDS = ['ClusterRole', 'ClusterRoleBinding', 'SecurityContextConstraints'];
// Secrets and accounts that the values name and somebody else makes.
const THEIRS = ['seed', 'tokens', 'registry', 'c-tls', 'p-tls', 'q-tls', 'default', 'theirs'];

function matches(selector, labels) {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

// Names of Secrets that exist once cert-manager has done its work, too.
function secretsOf(objects) {
  return [...ofKind(objects, 'Secret').map((object) => object.metadata.name),
    ...ofKind(objects, 'Certificate').map((object) => object.spec.secretName), ...THEIRS];
}

function checkReferences(objects) {
  const all = pods(objects);
  const secrets = secretsOf(objects);
  const maps = ofKind(objects, 'ConfigMap').map((object) => object.metadata.name);
  const accounts = [...ofKind(objects, 'ServiceAccount').map((object) => object.metadata.name), ...THEIRS];
  for (const pod of all) {
    const container = pod.spec.containers[0];
    const volumes = (pod.spec.volumes ?? []).map((volume) => volume.name);
    assert.deepEqual((container.volumeMounts ?? []).map((mount) => mount.name).sort(), [...volumes].sort(),
      `${pod.name}: volumes and where they are mounted`);
    assert.equal(new Set(volumes).size, volumes.length);
    for (const volume of pod.spec.volumes ?? []) {
      if (volume.secret) {
        assert.ok(secrets.includes(volume.secret.secretName), `${pod.name}: Secret ${volume.secret.secretName}`);
      }
      if (volume.configMap) {
        assert.ok(maps.includes(volume.configMap.name), `${pod.name}: ConfigMap ${volume.configMap.name}`);
      }
    }
    for (const entry of container.env) {
      const secret = entry.valueFrom?.secretKeyRef;
      assert.ok(!secret || secrets.includes(secret.name), `${pod.name}: Secret ${secret?.name}`);
    }
    for (const source of container.envFrom ?? []) {
      assert.ok(source.configMapRef.optional || maps.includes(source.configMapRef.name));
    }
    if (pod.spec.serviceAccountName) {
      assert.ok(accounts.includes(pod.spec.serviceAccountName), pod.spec.serviceAccountName);
    }
    const ports = (container.ports ?? []).map((port) => port.name);
    for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      assert.ok(!container[kind] || ports.includes(container[kind].httpGet.port), `${pod.name}: ${kind}`);
    }
  }
  checkSelectors(objects, all);
}

function checkSelectors(objects, all) {
  const selected = (selector) => all.filter((pod) => matches(selector, pod.labels));
  for (const object of objects) {
    if (object.kind === 'Service') {
      const [pod, ...others] = selected(object.spec.selector);
      assert.ok(pod && others.length === 0, `${object.metadata.name} is of one kind of pod`);
      for (const port of object.spec.ports) {
        assert.ok(pod.spec.containers[0].ports.some((other) => other.name === port.targetPort &&
          other.protocol === port.protocol), `${object.metadata.name}: port ${port.name}`);
      }
    }
    if (['DaemonSet', 'Deployment', 'PodDisruptionBudget'].includes(object.kind)) {
      assert.equal(selected(object.spec.selector.matchLabels).length, 1, object.metadata.name);
    }
    if (object.kind === 'NetworkPolicy') {
      const [pod] = selected(object.spec.podSelector.matchLabels);
      for (const port of object.spec.ingress.flatMap((rule) => rule.ports)) {
        assert.ok(pod.spec.containers[0].ports.some((other) => other.name === port.port), port.port);
      }
    }
    if (object.kind === 'PodMonitor') {
      assert.equal(selected(object.spec.selector.matchLabels).length, 1);
    }
    if (object.kind === 'ServiceMonitor') {
      assert.equal(ofKind(objects, 'Service').filter((service) =>
        matches(object.spec.selector.matchLabels, service.metadata.labels)).length, 1);
    }
    if (object.kind === 'ClusterRoleBinding') {
      assert.ok(ofKind(objects, 'ClusterRole').some((role) => role.metadata.name === object.roleRef.name));
      assert.equal(object.subjects[0].namespace, NAMESPACE);
    }
  }
}

for (const [name, values] of Object.entries(matrix)) {
  test(`rendered with ${name}`, () => {
    const objects = render(values);
    const seen = new Set();
    for (const object of objects) {
      const id = `${object.kind}/${object.metadata.name}`;
      assert.ok(!seen.has(id), `${id} is there twice`);
      seen.add(id);
      assert.ok(object.apiVersion, id);
      assert.match(object.metadata.name, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, id);
      assert.ok(object.metadata.name.length <= 63, id);
      assert.equal(object.metadata.namespace, CLUSTER_KINDS.includes(object.kind) ? undefined : NAMESPACE, id);
      for (const label of ['name', 'instance', 'component', 'version', 'managed-by', 'part-of']) {
        assert.ok(object.metadata.labels[`app.kubernetes.io/${label}`], `${id}: label ${label}`);
      }
      assert.equal(object.metadata.labels.team, values.commonLabels?.team, id);
    }
    checkReferences(objects);
  });
}

for (const [name, values] of Object.entries({ 'the defaults': {}, everything, least })) {
  test(`helm lint --strict with ${name}`, () => {
    const linted = lint(values);
    assert.equal(linted.status, 0, linted.stdout + linted.stderr);
  });
}

test('a change of an option replaces the pods that it is of, and no others', () => {
  const checksum = (objects, kind) => find(objects, kind).spec.template.metadata.annotations['checksum/configuration'];
  const before = render({});
  const after = render({ probe: { config: { MAX_FLOWS: 5000 } } });
  assert.notEqual(checksum(before, 'DaemonSet'), checksum(after, 'DaemonSet'));
  assert.equal(checksum(before, 'Deployment'), checksum(after, 'Deployment'));
});

test('a pod is the same in the next version of the chart', () => {
  for (const pod of pods(render({})).filter((other) => !other.name.endsWith('-test'))) {
    assert.equal(pod.labels['helm.sh/chart'], undefined);
    assert.equal(pod.labels['app.kubernetes.io/version'], undefined);
  }
});

test('the probes run on every node, in its network', () => {
  const spec = find(render({}), 'DaemonSet').spec.template.spec;
  assert.equal(spec.hostNetwork, true);
  assert.equal(spec.hostPID, undefined);
  assert.equal(spec.hostIPC, undefined);
  assert.equal(spec.dnsPolicy, 'ClusterFirstWithHostNet');
  assert.deepEqual(spec.tolerations, [{ operator: 'Exists' }]);
  assert.equal(spec.priorityClassName, 'system-node-critical');
  assert.equal(spec.enableServiceLinks, false);
});

test('there is one correlator at a time, and it can be reached when it is not ready', () => {
  const objects = render({});
  const { spec } = find(objects, 'Deployment');
  assert.equal(spec.replicas, 1);
  assert.deepEqual(spec.strategy, { type: 'Recreate' });
  const service = find(objects, 'Service', '-correlator').spec;
  assert.equal(service.publishNotReadyAddresses, true);
  assert.deepEqual(service.ports.map(({ port, protocol }) => [port, protocol]), [[9095, 'TCP'], [9095, 'UDP']]);
});

test('probes reach the correlator by the name of its Service, which its certificate has', () => {
  const objects = render({ tls: { mode: 'certManager' } });
  const address = find(objects, 'ConfigMap', '-probe').data.CORRELATOR_ADDRESS;
  const service = find(objects, 'Service', '-correlator').metadata.name;
  assert.equal(address, `${service}.${NAMESPACE}.svc:9095`);
  assert.ok(find(objects, 'Certificate', '-correlator-tls').spec.dnsNames.includes(address.split(':')[0]));
});

test('large numbers stay whole', () => {
  assert.equal(find(render({}), 'ConfigMap', '-correlator').data.MATCH_TABLE_EVENTS, '4194304');
  const many = { correlator: { config: { MATCH_TABLE_EVENTS: 268435456 } } };
  assert.equal(find(render(many), 'ConfigMap', '-correlator').data.MATCH_TABLE_EVENTS, '268435456');
});

test('fractions stay fractions', () => {
  const share = { correlator: { config: { LOG_SIGNATURES: 0.25 } } };
  assert.equal(find(render(share), 'ConfigMap', '-correlator').data.LOG_SIGNATURES, '0.25');
});

test('an image is registry, repository, tag and digest', () => {
  const image = (values) => find(render(values), 'DaemonSet').spec.template.spec.containers[0].image;
  assert.match(image({}), /^audio-latency-probe:\d+\.\d+\.\d+$/);
  assert.equal(image(everything), `registry.example.com/audio/audio-latency-probe:v1@sha256:${'0'.repeat(64)}`);
});

test('what is switched off is not there', () => {
  const kinds = render(least).map((object) => object.kind).sort();
  assert.deepEqual(kinds, ['ConfigMap', 'ConfigMap', 'DaemonSet', 'Deployment', 'Pod', 'Service', 'Service']);
});

test('what is switched on is there', () => {
  const kinds = new Set(render(everything).map((object) => object.kind));
  for (const kind of ['ServiceMonitor', 'PodMonitor', 'NetworkPolicy', 'PodDisruptionBudget', 'ResourceQuota',
    'SecurityContextConstraints', 'Certificate', 'Issuer', 'ClusterRole', 'ServiceAccount']) {
    assert.ok(kinds.has(kind), kind);
  }
  assert.ok(render(matrix.Cilium).some((object) => object.kind === 'CiliumNetworkPolicy'));
});

test('every rule file is a PrometheusRule, every dashboard a ConfigMap that Grafana finds', () => {
  const fs = require('node:fs');
  const path = require('node:path');
  const { CHART } = require('./helm.js');
  const yaml = require('js-yaml');
  const files = (folder, end) => {
    const all = path.join(CHART, 'files', folder);
    return fs.existsSync(all) ? fs.readdirSync(all).filter((name) => name.endsWith(end))
      .map((name) => [name, fs.readFileSync(path.join(all, name), 'utf8')]) : [];
  };
  const objects = render(everything);
  const rules = ofKind(objects, 'PrometheusRule');
  const ruleFiles = files('rules', '.yaml');
  assert.equal(rules.length, ruleFiles.length);
  for (const [name, text] of ruleFiles) {
    const expected = yaml.load(text);
    assert.ok(rules.some((rule) => JSON.stringify(rule.spec) === JSON.stringify(expected)), name);
  }
  for (const rule of rules) {
    assert.equal(rule.metadata.labels.release, 'prometheus');
  }
  const dashboards = ofKind(objects, 'ConfigMap').filter((map) => map.metadata.labels.grafana_dashboard === '1');
  const dashboardFiles = files('dashboards', '.json');
  assert.equal(dashboards.length, dashboardFiles.length);
  for (const [name, text] of dashboardFiles) {
    const map = dashboards.find((other) => other.data[name] !== undefined);
    assert.deepEqual(JSON.parse(map.data[name]), JSON.parse(text), name);
    assert.equal(map.metadata.annotations.grafana_folder, 'Audio');
  }
});

test('Prometheus keeps our labels', () => {
  const objects = render(everything);
  for (const endpoint of [find(objects, 'ServiceMonitor').spec.endpoints[0],
    find(objects, 'PodMonitor').spec.podMetricsEndpoints[0]]) {
    assert.equal(endpoint.honorLabels, true);
    assert.ok(endpoint.relabelings.some((rule) => rule.action === 'labeldrop' && rule.regex.includes('pod')));
  }
});

test('a budget has an API version that the cluster has', () => {
  const version = (kubernetes) => find(render({}, '--kube-version', kubernetes), 'PodDisruptionBudget').apiVersion;
  assert.equal(version('1.20.2'), 'policy/v1beta1');
  assert.equal(version('1.35.0'), 'policy/v1');
});

test('a cluster that is too old is refused', () => {
  const result = template({}, '--kube-version', '1.19.0');
  assert.notEqual(result.status, 0);
  assert.match(result.stderr, /kubeVersion/);
});

test('the notes name three commands', () => {
  const { helm, CHART, RELEASE } = require('./helm.js');
  const result = helm('install', RELEASE, CHART, '--namespace', NAMESPACE, '--dry-run=client');
  assert.equal(result.status, 0, result.stderr);
  const notes = result.stdout.slice(result.stdout.indexOf('NOTES:'));
  for (const command of ['rollout status daemonset/', '-- audio-latency nodes', '-- audio-latency paths']) {
    assert.ok(notes.includes(command), `${command} in ${notes}`);
  }
});
