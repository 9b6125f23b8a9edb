// Chart and programs say the same: every option of the project's README reaches the program through a value
// or extraEnv, no value is an option that does not exist, and the defaults are equal.
'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const yaml = require('js-yaml');
const { CHART, environment, pods, render } = require('./helm.js');
const { everything, matrix } = require('./matrix.js');

const README = path.join(__dirname, '../../README.md');
// What a pod needs no value for: extraEnv sets these.
const BY_EXTRA_ENV = { probe: ['KUBELET_TOKEN_FILE', 'KUBELET_CA_FILE'], correlator: ['GRPC_ADDRESS', 'METRICS_ADDRESS', 'KUBECONFIG'] };

// The README's tables of options: {Probe, Correlator, Both} -> {NAME: default as it stands there}.
function documentedOptions() {
  const section = fs.readFileSync(README, 'utf8').split('\n## ')
    .find((part) => part.startsWith('Configuration\n'));
  const options = {};
  let program;
  for (const line of section.split('\n')) {
    program = line.match(/^(Probe|Correlator|Both).*:$/)?.[1] ?? program;
    const row = line.match(/^\| (`.*?`) \| (.*?) \|/);
    if (!row) {
      continue;
    }
    const names = [...row[1].matchAll(/`([A-Z0-9_]+)`/g)].map((match) => match[1]);
    const defaults = row[2].split(', ').map((text) => text.replaceAll('`', ''));
    for (const [index, name] of names.entries()) {
      options[program] ??= {};
      options[program][name] = defaults.length === names.length ? defaults[index] : row[2];
    }
  }
  return options;
}

const options = documentedOptions();
const ofProgram = (program) => ({ ...options[program], ...options.Both });
const values = yaml.load(fs.readFileSync(path.join(CHART, 'values.yaml'), 'utf8'));

test('the tables are found', () => {
  assert.ok(Object.keys(options.Probe).length >= 12, JSON.stringify(options.Probe));
  assert.ok(Object.keys(options.Correlator).length >= 16);
  assert.ok(Object.keys(options.Both).length >= 8);
});

for (const [program, component] of [['Probe', 'probe'], ['Correlator', 'correlator']]) {
  test(`every option of the ${component} can be set`, () => {
    const set = new Set();
    for (const some of [everything, ...Object.values(matrix)]) {
      const objects = render(some);
      const pod = pods(objects).find((other) => other.name.endsWith(`-${component}`));
      Object.keys(environment(objects, pod)).forEach((name) => set.add(name));
    }
    const config = { ...values.config, ...values[component].config };
    const missing = Object.keys(ofProgram(program)).filter((name) =>
      !set.has(name) && config[name] === undefined && !BY_EXTRA_ENV[component].includes(name));
    assert.deepEqual(missing, []);
  });

  test(`the ${component} has every option that the chart gives it`, () => {
    const known = { ...ofProgram(program), CONFIG: '' };
    for (const some of Object.values(matrix)) {
      const objects = render(some);
      const pod = pods(objects).find((other) => other.name.endsWith(`-${component}`));
      const unknown = Object.keys(environment(objects, pod)).filter((name) =>
        known[name] === undefined && !name.startsWith('AUDIO_LATENCY_') && name !== 'NODE_ADDRESS');
      assert.deepEqual(unknown, []);
    }
  });

  test(`the ${component}'s defaults are the program's`, () => {
    const documented = ofProgram(program);
    for (const [name, value] of Object.entries({ ...values.config, ...values[component].config })) {
      const text = documented[name];
      if (value === '' || !/^[a-z0-9_]+$/.test(text)) {
        continue; // Left to the program, or told in words.
      }
      assert.equal(String(value), text, name);
    }
  });

  test(`extraEnv of the ${component} comes last, and counts before the ConfigMap`, () => {
    const objects = render({ [component]: { extraEnv: [{ name: 'ANYTHING', value: '1' }] } });
    const { env, envFrom } = pods(objects).find((other) => other.name.endsWith(`-${component}`)).spec.containers[0];
    assert.deepEqual(env.at(-1), { name: 'ANYTHING', value: '1' });
    assert.ok(envFrom[0].configMapRef);
  });
}

test("the chart's appVersion is the programs'", () => {
  const chart = yaml.load(fs.readFileSync(path.join(CHART, 'Chart.yaml'), 'utf8'));
  const project = fs.readFileSync(path.join(__dirname, '../../CMakeLists.txt'), 'utf8');
  assert.equal(chart.appVersion, project.match(/project\(\w+ VERSION ([0-9.]+)/)[1]);
});
