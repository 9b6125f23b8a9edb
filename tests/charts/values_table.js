// The table of values in the chart's README, from the comments of values.yaml: `# --` before a key is
// its description, which may go on in further comment lines. `--check` says whether README.md is current.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const yaml = require('js-yaml');

const CHART = path.join(__dirname, '../../charts/audio-latency-tracker');
const BEGIN = '<!-- values: made by tests/charts/values_table.js -->';
const END = '<!-- end of values -->';

// Every key with a description: [path as dots, description].
function describedKeys(text) {
  const described = [];
  const stack = []; // {indent, key} of the keys that the current line is inside of
  let description = null;
  for (const line of text.split('\n')) {
    const comment = line.match(/^\s*# ?(.*)$/);
    if (comment) {
      if (comment[1].startsWith('-- ')) {
        description = comment[1].slice(3);
      } else if (description !== null) {
        description += ` ${comment[1]}`;
      }
      continue;
    }
    const key = line.match(/^(\s*)([A-Za-z0-9_./]+):/);
    if (key) {
      while (stack.length > 0 && stack[stack.length - 1].indent >= key[1].length) {
        stack.pop();
      }
      stack.push({ indent: key[1].length, key: key[2] });
      if (description !== null) {
        described.push([stack.map((level) => level.key).join('.'), description]);
      }
    }
    description = null;
  }
  return described;
}

function valueAt(values, dots) {
  return dots.split('.').reduce((value, key) => value[key], values);
}

// Keys of which neither they nor what they are in or hold is described.
function undescribed(values, described, prefix = '') {
  return Object.entries(values).flatMap(([key, value]) => {
    const dots = prefix + key;
    if (described.has(dots)) {
      return [];
    }
    const inner = value !== null && typeof value === 'object' && !Array.isArray(value);
    return inner && Object.keys(value).length > 0
      ? undescribed(value, described, `${dots}.`) : [dots];
  });
}

function table() {
  const text = fs.readFileSync(path.join(CHART, 'values.yaml'), 'utf8');
  const values = yaml.load(text);
  const described = describedKeys(text);
  const missing = undescribed(values, new Map(described));
  if (missing.length > 0) {
    throw new Error(`values.yaml: no "# --" line for ${missing.join(', ')}`);
  }
  const cell = (value) => value.replaceAll('|', '\\|');
  const rows = described.map(([dots, description]) =>
    `| \`${dots}\` | \`${cell(JSON.stringify(valueAt(values, dots)))}\` | ${cell(description)} |`);
  return ['| value | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

// README.md as it should be.
function readme(text) {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`README.md: the lines "${BEGIN}" and "${END}" are missing`);
  }
  return `${text.slice(0, begin)}${BEGIN}\n${table()}\n${text.slice(end)}`;
}

function main() {
  const file = path.join(CHART, 'README.md');
  const text = fs.readFileSync(file, 'utf8');
  const wanted = readme(text);
  if (wanted === text) {
    return 0;
  }
  if (process.argv[2] === '--check') {
    console.error("values_table: the chart's README.md is not current; run: make charts-table");
    return 1;
  }
  fs.writeFileSync(file, wanted);
  return 0;
}

process.exitCode = main();
