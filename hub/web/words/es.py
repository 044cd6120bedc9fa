"""The pages in Spanish, which addresses customers as usted."""

from __future__ import annotations

from hub.web.words.page import PageWords

SPANISH = PageWords(
    language="es",
    direction="ltr",
    months=(
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
    moment="{day} de {month}, {time} UTC",
    question="¿Con qué probabilidad recomendaría {brand} a un amigo o colega?",
    lowest="0 = nada probable",
    highest="10 = muy probable",
    chosen="Su puntuación",
    out_of="de 10",
    answered="Respondió {score}. Puede cambiarlo hasta el {until}; nada cambia hasta que lo envíe.",
    ask_anyone="¿Cuál es el motivo principal de su puntuación?",
    ask_detractor="¿Qué deberíamos cambiar primero?",
    ask_passive="¿Qué falta para que nos dé un 9 o un 10?",
    ask_promoter="¿Qué es lo que más le gusta?",
    rating_lowest="1 = muy malo",
    rating_highest="5 = muy bueno",
    optional="opcional",
    send="Enviar respuesta",
    send_again="Enviar respuesta modificada",
    score_missing="Su respuesta llegó sin puntuación. Elija un número del 0 al 10 y vuelva a enviarla.",
    comment_too_long=(
        "Su comentario supera los {limit} caracteres, por lo que todavía no se ha guardado nada. Lo encontrará "
        "más abajo: acórtelo y vuelva a enviarlo."
    ),
    rating_unclear=(
        "Una valoración no está entre 1 y 5, o esta encuesta no la pide, así que aún no se ha guardado "
        "nada. Elija de nuevo más abajo y vuelva a enviar la respuesta."
    ),
    thanks="Gracias por su respuesta",
    thanks_detractor="Lamentamos que {brand} no haya estado a la altura. Su respuesta nos ayuda a ver dónde.",
    thanks_passive="Nos alegra que {brand} le resulte útil. Su respuesta nos ayuda a ver qué falta.",
    thanks_promoter="Nos alegra saber que recomendaría {brand}.",
    recorded="Ha quedado guardada. Puede cerrar esta página.",
    change="Cambiar mi respuesta",
    closed="Su respuesta está guardada",
    closed_why="Ya no se puede modificar. Gracias por participar.",
    over="Esta encuesta ha terminado",
    over_why="Ya no admite respuestas. No tiene que hacer nada más; puede cerrar esta página.",
    unsubscribe_question="¿No desea más encuestas de {brand}?",
    unsubscribe_why="No volveremos a preguntarle en esta dirección de correo. Sus demás mensajes no cambian.",
    unsubscribe="Darme de baja",
    unsubscribed="Se ha dado de baja",
    unsubscribed_why="{brand} no enviará más encuestas a esta dirección de correo. Puede cerrar esta página.",
    not_found="Este enlace no funciona",
    not_found_why=(
        "Puede que esté incompleto o que la encuesta haya terminado. Abra de nuevo el enlace del correo o "
        "cópielo entero en la barra de direcciones."
    ),
    trial="Era un correo de prueba",
    trial_why="En los correos reales, los enlaces abren la encuesta. Aquí no se guarda nada.",
    too_large="El texto es demasiado largo",
    too_large_why="No se ha guardado nada. Vuelva atrás, acorte su comentario y envíelo de nuevo.",
)
