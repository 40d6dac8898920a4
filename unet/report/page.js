for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button'; button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const key = row => row.cells[column].textContent;
      const rows = [...body.rows].sort((a, b) =>
        key(a).localeCompare(key(b), 'en', {numeric: true}) * (up ? 1 : -1));
      body.append(...rows);
    });
  });
}
const view = document.querySelector('dialog'), large = view.querySelector('img');
for (const button of document.querySelectorAll('.zoom'))
  button.addEventListener('click', () => {
    const small = button.querySelector('img');
    large.src = small.src; large.alt = small.alt; view.showModal();
  });
view.addEventListener('click', () => view.close());
