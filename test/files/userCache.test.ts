import assert from 'node:assert/strict';
import { enginesFolder, userCacheFolder } from '../../server/files/userCache';

describe('the folder of what can be had again', function () {
  if (process.platform === 'win32') return;
  const cases: readonly [NodeJS.Platform, NodeJS.ProcessEnv, string][] = [
    ['linux', {}, '/home/mia/.cache/manticore'],
    ['linux', { XDG_CACHE_HOME: '/fast/cache' }, '/fast/cache/manticore'],
    // The specification: a relative path is to be ignored.
    ['linux', { XDG_CACHE_HOME: 'cache' }, '/home/mia/.cache/manticore'],
    ['darwin', { XDG_CACHE_HOME: '/fast/cache' }, '/home/mia/Library/Caches/manticore'],
    ['win32', { LOCALAPPDATA: '/c/local' }, '/c/local/manticore'],
    ['win32', {}, '/home/mia/AppData/Local/manticore'],
  ];
  for (const [platform, environment, folder] of cases) {
    it(`is ${folder} on ${platform} with ${JSON.stringify(environment)}`, () => {
      const place = { platform, environment, home: '/home/mia' };
      assert.equal(userCacheFolder(place), folder);
      assert.equal(enginesFolder(place), `${folder}/engines`);
    });
  }

  it('gives way to the folder that a variable names for engines', () => {
    const environment = { MANTICORE_ENGINES_DIR: '/engines' };
    assert.equal(enginesFolder({ platform: 'linux', environment, home: '/x' }), '/engines');
  });
});
