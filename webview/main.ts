/** The weights panel's entry. */
document.body.textContent = 'Manticore';
