// Helm as the tests use it: what comes out of the chart, as objects.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const yaml = require('js-yaml');

const CHART = path.join(__dirname, '../../charts/audio-latency-tracker');
const NAMESPACE = 'audio';
const RELEASE = 'alt';

// Runs helm and returns {status, stdout, stderr}. HELM is the program.
function helm(...args) {
  const result = spawnSync(process.env.HELM ?? 'helm', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (result.error) {
    throw new Error(`helm: ${result.error.message}; run the tests by tests/charts/run.sh`);
  }
  return result;
}

// `values` as helm would read it from a file.
function withValues(args, values) {
  if (values === undefined) {
    return helm(...args);
  }
  const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'charts-'));
  const file = path.join(folder, 'values.yaml');
  fs.writeFileSync(file, yaml.dump(values));
  try {
    return helm(...args, '--values', file);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function template(values, ...args) {
  return templateOf(RELEASE, CHART, values, '--namespace', NAMESPACE, ...args);
}

// The same as another release of a chart in another folder.
function templateOf(release, chart, values, ...args) {
  return withValues(['template', release, chart, ...args], values);
}

function lint(values) {
  return withValues(['lint', '--strict', CHART], values);
}

const rendered = new Map();

// Every object that the chart makes of `values`. Not to be changed: the same values are rendered once.
function render(values, ...args) {
  const key = JSON.stringify([values, args]);
  if (!rendered.has(key)) {
    rendered.set(key, renderAnew(values, ...args));
  }
  return rendered.get(key);
}

function renderAnew(values, ...args) {
  const result = template(values, ...args);
  if (result.status !== 0) {
    throw new Error(`helm template: ${result.stderr}`);
  }
  return yaml.loadAll(result.stdout).filter((object) => object !== null && object !== undefined);
}

// What helm says to values that must be refused.
function refusal(values) {
  const result = template(values);
  if (result.status === 0) {
    throw new Error(`not refused: ${JSON.stringify(values)}`);
  }
  return result.stderr;
}

function ofKind(objects, kind) {
  return objects.filter((object) => object.kind === kind);
}

// The object of that kind whose name ends so.
function find(objects, kind, end = '') {
  const found = ofKind(objects, kind).filter((object) => object.metadata.name.endsWith(end));
  if (found.length !== 1) {
    throw new Error(`${found.length} objects of kind ${kind} end in "${end}"`);
  }
  return found[0];
}

const fullName = `${RELEASE}-audio-latency-tracker`;

// Each pod that is made: {name, labels, spec}.
function pods(objects) {
  return objects.flatMap((object) => {
    if (object.kind === 'Pod') {
      return [{ name: object.metadata.name, labels: object.metadata.labels, spec: object.spec }];
    }
    const inner = object.spec?.template;
    return inner?.spec?.containers === undefined ? []
      : [{ name: object.metadata.name, labels: inner.metadata.labels, spec: inner.spec }];
  });
}

// The environment of a pod's container, as far as it is known here: text, or where it comes from.
function environment(objects, pod) {
  const result = {};
  for (const source of pod.spec.containers[0].envFrom ?? []) {
    const map = objects.find((object) => object.kind === 'ConfigMap' &&
      object.metadata.name === source.configMapRef?.name);
    Object.assign(result, map?.data);
  }
  for (const entry of pod.spec.containers[0].env ?? []) {
    result[entry.name] = entry.value ?? entry.valueFrom;
  }
  return result;
}

module.exports = {
  CHART, NAMESPACE, RELEASE, fullName, helm, lint, template, templateOf, render, renderAnew,
  refusal, find, ofKind, pods, environment,
};
