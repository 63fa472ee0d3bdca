// JupyterLab and Notebook show a picture of a notebook without its alt text, although the output's metadata hold one.
// This renderer takes the place of theirs for PNG and JPEG, does as they do, and sets the text.
//
// Sliders, play buttons and canvases of widgets have no name for a screen reader either; they get one from their label.
// And arrow keys on a slider move the slider, in Notebook 7 too.
//
// It is a federated module by hand (JupyterLab's documentation, "prebuilt extensions"): JupyterLab loads this file,
// calls `init` with what extensions share, and `get` for the module that package.json names.
(() => {
  const NAME = 'course-alt-text';
  let shared = {};

  // Lumino of the JupyterLab that runs: a renderer must be a widget of its class.
  async function lumino() {
    const versions = shared['@lumino/widgets'];
    const [newest] = Object.keys(versions).sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
    return (await versions[newest].get())();
  }

  function picture(model, type) {
    const own = model.metadata[type] ?? {};
    const image = document.createElement('img');
    image.src = `data:${type};base64,${model.data[type]}`;
    image.alt = own.alt ?? model.metadata.alt ?? '';
    for (const side of ['width', 'height']) if (typeof own[side] === 'number') image[side] = own[side];
    if (model.metadata.needs_background === 'light') image.classList.add('jp-needs-light-background');
    if (model.metadata.needs_background === 'dark') image.classList.add('jp-needs-dark-background');
    if (own.unconfined === true) image.classList.add('jp-mod-unconfined');
    return image;
  }

  function extension({ Widget }) {
    class Picture extends Widget {
      constructor(type) {
        super();
        this.type = type;
        for (const name of ['jp-RenderedImage', 'jp-mod-trusted']) this.addClass(name);
        this.node.dataset.mimeType = type;
      }
      async renderModel(model) {
        this.node.replaceChildren(picture(model, this.type));
      }
    }
    return {
      id: `${NAME}:pictures`,
      dataType: 'string',
      rendererFactory: {
        safe: true,
        mimeTypes: ['image/png', 'image/jpeg'],
        defaultRank: 90,
        createRenderer: ({ mimeType }) => new Picture(mimeType),
      },
    };
  }

  const BUTTONS = { 'fa-play': 'Play', 'fa-pause': 'Pause', 'fa-stop': 'Stop', 'fa-retweet': 'Repeat' };
  const CANVASES = {
    'course-drawing': 'Drawing area: draw with the mouse or a finger',
    'course-matrix': 'Matrix of channels: point at an entry, or choose it in the menus below',
  };

  function name(element, text) {
    if (text && element.getAttribute('aria-label') !== text) element.setAttribute('aria-label', text);
  }

  function nameControls() {
    for (const slider of document.querySelectorAll('.widget-slider')) {
      const label = slider.querySelector('.widget-label')?.textContent.trim() || 'Position';
      for (const handle of slider.querySelectorAll('.noUi-handle')) {
        name(handle, label);
        handle.setAttribute('data-lm-suppress-shortcuts', ''); // or Notebook 7 takes the arrow keys for its cells
      }
      for (const readout of slider.querySelectorAll('.widget-readout')) name(readout, `${label}, as a number`);
    }
    for (const button of document.querySelectorAll('.widget-play button')) {
      const icon = [...(button.querySelector('i')?.classList ?? [])].find((one) => one in BUTTONS);
      name(button, BUTTONS[icon] ?? button.title);
    }
    for (const [kind, text] of Object.entries(CANVASES))
      for (const canvas of document.querySelectorAll(`canvas.${kind}, .${kind} canvas`)) {
        canvas.setAttribute('role', 'img');
        name(canvas, text);
      }
  }

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; nameControls(); });
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ['class'] });

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => { shared = scope; },
    get: async () => {
      const made = extension(await lumino());
      return () => ({ __esModule: true, default: made });
    },
  };
})();
