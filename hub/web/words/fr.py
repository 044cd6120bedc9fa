"""The pages in French, which addresses customers as vous."""

from __future__ import annotations

from hub.web.words.page import PageWords

FRENCH = PageWords(
    language="fr",
    direction="ltr",
    months=(
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    moment="{day} {month} à {time} UTC",
    question="Quelle est la probabilité que vous recommandiez {brand} à un ami ou à un collègue\u00a0?",
    lowest="0 = pas du tout probable",
    highest="10 = extrêmement probable",
    chosen="Votre note",
    out_of="sur 10",
    answered=(
        "Vous avez répondu {score}. Vous pouvez modifier cette note jusqu’au {until}\u00a0; rien ne change avant "
        "l’envoi."
    ),
    ask_anyone="Quelle est la raison principale de votre note\u00a0?",
    ask_detractor="Que devrions-nous changer en premier\u00a0?",
    ask_passive="Que manque-t-il pour un 9 ou un 10\u00a0?",
    ask_promoter="Qu’appréciez-vous le plus\u00a0?",
    rating_lowest="1 = très mauvais",
    rating_highest="5 = très bon",
    optional="facultatif",
    send="Envoyer ma réponse",
    send_again="Envoyer la réponse modifiée",
    score_missing="Votre réponse ne contenait pas de note. Choisissez un chiffre de 0 à 10, puis renvoyez-la.",
    comment_too_long=(
        "Votre commentaire dépasse {limit} caractères\u00a0: rien n’a encore été enregistré. Il se trouve "
        "toujours ci-dessous\u00a0; raccourcissez-le, puis renvoyez-le."
    ),
    rating_unclear=(
        "Une note n’est pas comprise entre 1 et 5, ou cette enquête ne la demande pas\u00a0: rien n’a encore "
        "été enregistré. Choisissez de nouveau ci-dessous, puis renvoyez votre réponse."
    ),
    thanks="Merci pour votre réponse",
    thanks_detractor=(
        "Nous sommes désolés que {brand} n’ait pas répondu à vos attentes. Votre réponse nous aide à comprendre "
        "pourquoi."
    ),
    thanks_passive=(
        "Nous sommes heureux que {brand} vous convienne. Votre réponse nous aide à voir ce qui manque encore."
    ),
    thanks_promoter="Nous sommes heureux d’apprendre que vous recommanderiez {brand}.",
    recorded="Elle a bien été enregistrée. Vous pouvez fermer cette page.",
    change="Modifier ma réponse",
    closed="Votre réponse a été enregistrée",
    closed_why="Elle ne peut plus être modifiée. Merci d’avoir participé.",
    over="Cette enquête est terminée",
    over_why="Elle n’accepte plus de réponses. Vous n’avez plus rien à faire et pouvez fermer cette page.",
    unsubscribe_question="Ne plus recevoir d’enquêtes de {brand}\u00a0?",
    unsubscribe_why="Vous ne recevrez plus d’enquêtes à cette adresse e-mail. Vos autres messages ne changent pas.",
    unsubscribe="Me désinscrire",
    unsubscribed="Votre désinscription est enregistrée",
    unsubscribed_why="{brand} n’enverra plus d’enquêtes à cette adresse e-mail. Vous pouvez fermer cette page.",
    not_found="Ce lien ne fonctionne pas",
    not_found_why=(
        "Il est peut-être incomplet, ou l’enquête est terminée. Ouvrez de nouveau le lien reçu par e-mail, ou "
        "copiez-le en entier dans la barre d’adresse."
    ),
    trial="C’était un e-mail de test",
    trial_why="Dans les vrais e-mails, les liens ouvrent l’enquête. Rien n’est enregistré ici.",
    too_large="Ce texte est trop long",
    too_large_why="Rien n’a été enregistré. Revenez en arrière, raccourcissez votre commentaire, puis renvoyez-le.",
)
