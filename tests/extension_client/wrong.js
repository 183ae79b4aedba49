// Four ways to fail, for the test of the test runner.

test('says what it expected', () => equal('a', 'b'));
test('throws', () => { throw new Error('thrown'); });
test('is still waiting', () => new Promise(() => {}));
test('rejects', async () => { throw new Error('rejected'); });
