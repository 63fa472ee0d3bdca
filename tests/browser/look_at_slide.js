// Runs while a slide is the present one, and returns what is wrong with it. Numbers in capitals are set by the test.
() => {
  const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale(), page = slide.getBoundingClientRect();
  const name = slide.querySelector('h1, h2, h3')?.innerText.replace('¶', '') ?? slide.innerText.slice(0, 40);
  const faults = [];
  const high = slide.scrollHeight - 720, wide = slide.scrollWidth - slide.clientWidth;
  if (high > 1) faults.push(`is ${high} units too high`);
  if (wide > 1) faults.push(`is ${wide} units too wide`);
  for (const part of slide.querySelectorAll('img, pre, table, mjx-container, p, li')) {
    const box = part.getBoundingClientRect();
    if (!box.width || part.closest('aside, mjx-assistive-mml')) continue;
    if (box.bottom > page.bottom + 1 || box.right > page.right + 1)
      faults.push(`cuts off ${part.tagName} ${part.innerText?.slice(0, 30) ?? part.alt}`);
  }
  for (const figure of slide.querySelectorAll('.jp-RenderedImage img')) {
    const height = figure.getBoundingClientRect().height;
    if (height < SMALLEST * scale) faults.push(`shows a figure too small to read: ${figure.alt}`);
    if (!figure.alt) faults.push('shows a figure without alt text');
  }
  const lineHeight = (part) => parseFloat(getComputedStyle(part).lineHeight);
  const height = (part) => part.getBoundingClientRect().height / scale;
  const inner = 'p, ul, ol, mjx-container[display="true"]';
  const text = [...slide.querySelectorAll('p, li')].filter((part) =>
    !part.closest('aside, table, mjx-container') && !part.querySelector(inner) && part.textContent.trim());
  const lines = text.reduce((sum, part) => sum + Math.max(1, Math.round(height(part) / lineHeight(part))), 0);
  const most = slide.querySelector('.jp-RenderedImage img, video, canvas') ? FEW : MANY;
  if (lines > most) faults.push(`has ${lines} lines of text, more than ${most}`);
  for (const part of slide.querySelectorAll('p, li, h1, h2, h3, td, th, pre, code')) {
    if (!part.innerText.trim() || part.closest('aside, mjx-container')) continue;
    const size = parseFloat(getComputedStyle(part).fontSize);
    const least = part.closest('table, pre, code') ? TABLE : TEXT;
    if (size < least) faults.push(`has type of ${size} units, less than ${least}: ${part.innerText.slice(0, 30)}`);
  }
  for (const arrow of document.querySelectorAll('.controls button')) {
    const there = arrow.getBoundingClientRect();
    for (const part of slide.querySelectorAll('img, p, li, pre, table')) {
      const box = part.getBoundingClientRect();
      const across = box.right > there.left && box.left < there.right, down = box.bottom > there.top + 1;
      if (there.width && box.width && !part.closest('aside') && across && down)
        faults.push(`an arrow covers ${part.tagName}`);
    }
  }
  for (const printed of slide.querySelectorAll('.jp-RenderedText pre, .jp-RenderedMarkdown pre')) {
    const count = printed.textContent.trimEnd().split('\n').length;
    if (height(printed) > lineHeight(printed) * (count + 0.5)) faults.push('wraps a line of code or of what was printed');
  }
  const broken = '[data-mml-node="merror"], [data-mjx-error], mjx-container [fill="red"]';
  if (slide.querySelector(broken)) faults.push('has a formula that cannot be set');
  if (/\$\$|\\\(|\\frac/.test(slide.innerText)) faults.push('shows a formula as text');
  return faults.map((fault) => `${name}: ${fault}`);
}
