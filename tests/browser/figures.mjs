// Checks of SVG figures as a reader sees them. Each returns complaints; none when all is well.

// Texts that leave their picture, or lie upon each other.
export function textFaults(page) {
  return page.evaluate(() => {
    const faults = [];
    const seen = (svg) => svg.getBoundingClientRect().width > 0;
    for (const svg of [...document.querySelectorAll('svg')].filter(seen)) {
      const name = svg.querySelector('title').textContent;
      const { width, height } = svg.viewBox.baseVal;
      const texts = [...svg.querySelectorAll('text')].filter((text) => text.textContent.trim() !== '')
        .map((text) => ({ text: text.textContent, box: text.getBBox() }));
      for (const { text, box } of texts) {
        if (box.x < -1 || box.y < -1 || box.x + box.width > width + 1 || box.y + box.height > height + 1)
          faults.push(`"${text}" leaves the picture "${name}"`);
      }
      texts.forEach((a, i) => texts.slice(i + 1).forEach((b) => {
        const across = Math.min(a.box.x + a.box.width, b.box.x + b.box.width) - Math.max(a.box.x, b.box.x);
        const down = Math.min(a.box.y + a.box.height, b.box.y + b.box.height) - Math.max(a.box.y, b.box.y);
        if (across > 1 && down > 5) faults.push(`"${a.text}" lies upon "${b.text}" in "${name}"`);
      }));
    }
    return faults;
  });
}

// Texts of pictures that are hard to tell from their ground: a contrast under 4.5.
export function contrastFaults(page) {
  return page.evaluate(() => {
    const channels = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map((value) => {
      const c = Number(value) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    const luminance = (colour) => {
      const [r, g, b] = channels(colour);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const faults = new Set();
    for (const text of document.querySelectorAll('svg text')) {
      if (text.getBoundingClientRect().width === 0) continue;
      const ground = text.ownerSVGElement.querySelector(':scope > rect.g');
      const behind = luminance(ground ? getComputedStyle(ground).fill : getComputedStyle(document.body).backgroundColor);
      const front = luminance(getComputedStyle(text).fill);
      const contrast = (Math.max(front, behind) + 0.05) / (Math.min(front, behind) + 0.05);
      if (!(contrast >= 4.5)) faults.add(`"${text.textContent}": contrast ${contrast.toFixed(2)}`);
    }
    return [...faults];
  });
}

// Every figure has a caption, one picture to be seen, a table, and its picture for download.
export function figureFaults(page) {
  return page.evaluate(async () => {
    const faults = [];
    for (const figure of document.querySelectorAll('figure')) {
      const fault = (what) => faults.push(`figure ${figure.id}: ${what}`);
      const heading = figure.querySelector('figcaption h3');
      const finding = figure.querySelector('figcaption p');
      if (!heading?.textContent.trim()) fault('no heading');
      if (!(finding?.textContent.trim().length > 40)) fault('no finding in words');
      const shown = [...figure.querySelectorAll(':scope > svg')].filter((svg) => svg.getBoundingClientRect().width > 0);
      if (shown.length !== 1) fault(`${shown.length} pictures are shown`);
      for (const svg of shown) {
        for (const id of svg.getAttribute('aria-labelledby').split(' '))
          if (!document.getElementById(id)?.textContent.trim()) fault(`no text for ${id}`);
      }
      const table = figure.querySelector('details table');
      if (!(table?.querySelectorAll('tbody tr').length > 0)) fault('no table');
      if (table && !table.querySelector('caption')?.textContent.trim()) fault('a table without a caption');
      for (const head of table?.querySelectorAll('th') ?? [])
        if (!['col', 'row'].includes(head.getAttribute('scope'))) fault('a head of a table without scope');
      const link = figure.querySelector('a[download]');
      if (!link?.download.endsWith('.svg')) {
        fault('no download');
        continue;
      }
      const text = new TextDecoder().decode(Uint8Array.from(atob(link.href.split(',')[1]), (c) => c.charCodeAt(0)));
      const file = new DOMParser().parseFromString(text, 'image/svg+xml');
      if (file.querySelector('parsererror')) fault('the download is not XML');
      if (file.documentElement.localName !== 'svg') fault('the download is no picture');
      if (!file.documentElement.textContent.includes(finding.textContent.trim())) fault('the download does not say what it shows');
    }
    return faults;
  });
}
