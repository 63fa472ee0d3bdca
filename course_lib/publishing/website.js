// What the theme leaves out for those who use the keyboard or a screen reader.
document.addEventListener('DOMContentLoaded', () => {
  for (const wide of document.querySelectorAll('pre, .table-wrapper')) wide.tabIndex = 0; // arrow keys scroll it
  for (const caption of document.querySelectorAll('p.caption[role="heading"]')) caption.setAttribute('aria-level', '2');
  for (const [kind, name] of [['sidebar-drawer', 'Lessons and library'], ['toc-drawer', 'On this page']])
    for (const side of document.querySelectorAll(`aside.${kind}`)) side.setAttribute('aria-label', name);
});
