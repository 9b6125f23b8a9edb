'use strict';
const { test } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

test("the table of values in the chart's README is current", () => {
  const result = spawnSync(process.execPath, [path.join(__dirname, 'values_table.js'), '--check'],
    { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
});
