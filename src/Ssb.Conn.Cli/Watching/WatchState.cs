using System.Text;
using Ssb.Conn.Cli.Commands;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Cli.View;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Watching;

/// <summary>What a key asks for.</summary>
internal abstract record WatchWish
{
    private WatchWish()
    {
    }

    /// <summary>Nothing beyond what the state has done already.</summary>
    public sealed record None : WatchWish;

    /// <summary>The end.</summary>
    public sealed record Quit : WatchWish;

    /// <summary>A call of the peer; <see cref="WatchState.Done"/> wants to hear how it went.</summary>
    public sealed record Call(string Procedure, RpcValue[] Arguments, RemoteEntry Entry, Func<string, RpcValue[], CancellationToken, Task<RpcValue>> Make) : WatchWish;
}

/// <summary>The state of the screen of <c>watch</c>: what is known of the peer, what is selected, and what keys do to it. Thread-safe.</summary>
internal sealed class WatchState
{
    private const string Busy = "...";

    /// <summary>Cells for who an action was about: as many as a key has in the panes, so that the rest of the line tells how it went.</summary>
    private const int ShortName = 10;

    private static readonly Action[] s_actions =
    [
        new(ConsoleKey.C, "c", "connect", "conn.connect", [Pool.Bench, Pool.Book]),
        new(ConsoleKey.X, "x", "disconnect", "conn.disconnect", [Pool.Hub]),
        new(ConsoleKey.D, "d", "dismiss", "conn.dismiss", [Pool.Bench, Pool.Hub, Pool.Book]),
        new(ConsoleKey.R, "r", "remember", "conn.remember", [Pool.Bench, Pool.Hub]),
        new(ConsoleKey.F, "f", "forget", "conn.forget", [Pool.Book]),
        new(ConsoleKey.U, "u", "unstage", "conn.unstage", [Pool.Bench]),
        new(ConsoleKey.W, "w", "why", "conn.why", [Pool.Bench, Pool.Hub, Pool.Book]),
    ];

    private readonly Lock _gate = new();
    private readonly Pane[] _panes = [new("conn.stagedPeers", "Nobody is staged."), new("conn.peers", "Nobody is connected."), new("conn.dbPeers", "The address book is empty.")];
    private WatchEvent.Attached? _peer;
    private readonly string _command;
    private string? _title;
    private string _where;
    private string _gone = "";
    private DateTimeOffset _retryAt;
    private TimeSpan _pause; // no more is left of it, if the clock is set back meanwhile
    private Pool _focus = Pool.Bench;
    private string _message = "";
    private bool _isBad, _isBusy;
    private WatchPanel? _panel;

    /// <param name="target">What is to be attached to, for a person.</param>
    /// <param name="command">The command that shows it.</param>
    public WatchState(string target, string command = "watch") => (_where, _command) = (target, command);

    /// <summary>How to call it once it is attached to; null: by where it is.</summary>
    public string? Title
    {
        get => Volatile.Read(ref _title);
        set => Volatile.Write(ref _title, value);
    }

    /// <summary>Says something, in the place of how the last action went.</summary>
    public void Say(string message, bool isBad)
    {
        lock (_gate)
        {
            if (!_isBusy)
                (_message, _isBad) = (message, isBad);
        }
    }

    /// <summary>Takes in what happened.</summary>
    public void Apply(WatchEvent happened, DateTimeOffset now)
    {
        lock (_gate)
        {
            switch (happened)
            {
                case WatchEvent.Attached attached:
                    (_peer, _where, _gone) = (attached, Title ?? attached.Where, "");
                    break;
                case WatchEvent.Gone gone:
                    (_peer, _gone, _retryAt, _pause) = (null, gone.Reason, now + gone.Pause, gone.Pause);
                    break;
                case WatchEvent.Entries entries:
                    _panes[(int)entries.Pool].Take(entries.Peers, now);
                    break;
            }
        }
    }

    /// <summary>Does what a key says.</summary>
    /// <param name="key">The key.</param>
    /// <param name="page">Rows that a page moves by.</param>
    public WatchWish Press(ConsoleKey key, int page)
    {
        lock (_gate)
        {
            if (key == ConsoleKey.Q)
                return new WatchWish.Quit();
            if (_panel is { } panel)
            {
                if (key is ConsoleKey.W or ConsoleKey.Escape)
                    _panel = null;
                else if (Scrolling.Move(key, panel.Scroll, int.MaxValue / 2, page) is { } scroll)
                    _panel = panel with { Scroll = Math.Max(0, scroll) };
                return new WatchWish.None();
            }

            Pane pane = _panes[(int)_focus];
            if (key is ConsoleKey.Tab or ConsoleKey.RightArrow)
                _focus = (Pool)(((int)_focus + 1) % _panes.Length);
            else if (key == ConsoleKey.LeftArrow)
                _focus = (Pool)(((int)_focus + _panes.Length - 1) % _panes.Length);
            else if (Scrolling.Move(key, pane.Selected, pane.Entries.Count, page) is { } selected)
                pane.Select(selected);
            else if (Array.Find(s_actions, action => action.Key == key) is { } action)
                return Act_NeedsLock(action, pane);
            return new WatchWish.None();
        }
    }

    /// <summary>Tells how a call went.</summary>
    /// <param name="call">The call.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="problem">What went wrong; null for nothing.</param>
    public void Done(WatchWish.Call call, RpcValue answer, string? problem)
    {
        lock (_gate)
        {
            _isBusy = false;
            string name = call.Procedure["conn.".Length..];
            if (problem is null && name == "why")
            {
                try
                {
                    _panel = new WatchPanel([.. WhyText.Lines(WhyText.Read(answer))], 0);
                    _message = "";
                    return;
                }
                catch (FailedException e)
                {
                    problem = e.Message;
                }
            }

            bool isNo = name is "connect" or "disconnect" or "unstage" && JsonText.IsFalse(answer);
            problem = problem is null ? null : call.Entry.Hide(problem);
            (_message, _isBad) = problem is not null
                ? ($"{name} {Name(call.Entry)}: {problem}", true)
                : ($"{name} {Name(call.Entry)}: {(!isNo ? "done" : name == "connect" ? "not now" : "it was not there")}", isNo);
        }
    }

    /// <summary>What to draw.</summary>
    public WatchModel Model(DateTimeOffset now, TimeSpan elapsed)
    {
        lock (_gate)
        {
            TimeSpan left = TimeSpan.FromTicks(Math.Min((_retryAt - now).Ticks, _pause.Ticks));
            foreach (Pane pane in _panes)
                pane.Shown(now);
            return new WatchModel
            {
                Command = _command,
                Peer = _peer is not null ? _where
                    : _gone.Length == 0 ? $"{_where}: attaching"
                    : $"{_where} is gone ({_gone}); trying again in {Durations.Short(TimeSpan.FromSeconds(Math.Ceiling(left.TotalSeconds)))}",
                IsGone = _peer is null,
                Now = now,
                Elapsed = elapsed,
                Focus = _focus,
                Panes = [.. _panes.Select((pane, i) => new WatchPane((Pool)i, pane.IsKnown, pane.Entries, pane.Selected, Empty_NeedsLock(pane)))],
                Message = _message,
                IsBad = _isBad,
                Keys = Keys_NeedsLock(),
                Panel = _panel,
            };
        }
    }

    private WatchWish Act_NeedsLock(Action action, Pane pane)
    {
        string? hindrance = !Array.Exists(action.Pools, pool => pool == _focus) ? $"{action.Label} is for {string.Join(" and ", action.Pools)}: Tab changes the pane"
            : pane.Selected < 0 ? "nobody is selected"
            : _peer is null ? "the peer is gone"
            : !_peer.Has(action.Procedure) ? $"this peer does not have {action.Procedure}: it is not one of Ssb.Conn"
            : _isBusy ? $"still busy with: {_message}"
            : null;
        if (hindrance is not null)
        {
            if (!_isBusy)
                (_message, _isBad) = (hindrance, true);
            return new WatchWish.None();
        }

        RemoteEntry entry = pane.Entries[pane.Selected];
        if (pane.Lost is { } lost)
        {
            pane.Lost = null;
            (_message, _isBad) = ($"{Name(lost)} has just left; again for {Name(entry)}", true);
            return new WatchWish.None();
        }

        RpcValue[] arguments = action.Procedure switch
        {
            "conn.dismiss" or "conn.why" => [entry.Key ?? entry.Address],
            "conn.remember" => [entry.Address, Kept(entry)],
            _ => [entry.Address],
        };
        (_message, _isBad, _isBusy) = ($"{action.Label} {Name(entry)} {Busy}", false, true);
        return new WatchWish.Call(action.Procedure, arguments, entry, _peer!.Call); // else there was a hindrance
    }

    private string Empty_NeedsLock(Pane pane) =>
        _peer is { } peer && !peer.Has(pane.Procedure) ? $"This peer does not have {pane.Procedure}." : pane.IsKnown ? pane.Empty : "";

    private WatchKey[] Keys_NeedsLock() => _panel is not null
        ? [new("↑ ↓", "scroll", true), new("w", "back", true), new("q", "quit", true)]
        :
        [
            new("tab", "pane", true),
            .. s_actions.Select(action => new WatchKey(action.Name, action.Label,
                Array.Exists(action.Pools, pool => pool == _focus) && _panes[(int)_focus].Selected >= 0 && _peer?.Has(action.Procedure) == true)),
            new("q", "quit", true),
        ];

    private static string Name(RemoteEntry entry) => TerminalText.Fit(entry.Key ?? entry.Shown, ShortName);

    /// <summary>What of a peer's data goes into the address book.</summary>
    private static RpcValue Kept(RemoteEntry entry)
    {
        var members = new List<string>();
        if (entry.Key is { } key)
            members.Add($"\"key\":{JsonText.Quoted(key)}");
        if ((entry.Text("type") ?? entry.Text("inferredType")) is { } type)
            members.Add($"\"type\":{JsonText.Quoted(type)}");
        return RpcValue.RawJson(Encoding.UTF8.GetBytes($"{{{string.Join(',', members)}}}"));
    }

    private sealed record Action(ConsoleKey Key, string Name, string Label, string Procedure, Pool[] Pools);

    /// <summary>A pool, and who is selected in it: somebody, wherever he moves to, or who took his place.</summary>
    private sealed class Pane(string procedure, string empty)
    {
        private static readonly TimeSpan s_toNotice = TimeSpan.FromSeconds(1);

        private IReadOnlyList<RemoteEntry> _entries = [];
        private int _selected = -1;
        private DateTimeOffset _lostAt;

        public string Procedure => procedure;

        public string Empty => empty;

        /// <summary>Has the peer told who is in it?</summary>
        public bool IsKnown { get; private set; }

        public int Selected => _selected;

        public IReadOnlyList<RemoteEntry> Entries => _entries;

        /// <summary>Who was selected and has left so lately that a key may be meant for him; null for nobody.</summary>
        public RemoteEntry? Lost { get; set; }

        public void Take(IReadOnlyList<RemoteEntry> entries, DateTimeOffset now)
        {
            RemoteEntry? selected = _selected >= 0 ? _entries[_selected] : null;
            (_entries, IsKnown) = (entries, true);
            int moved = selected is null ? 0 : entries.TakeWhile(entry => entry.Address != selected.Address).Count();
            bool isLost = moved == entries.Count && selected is not null;
            int index = isLost ? _selected : moved;
            if (isLost)
                (Lost, _lostAt) = (selected, now);
            _selected = Within(index);
        }

        /// <summary>A frame was drawn: who looks at it for long enough knows who left.</summary>
        public void Shown(DateTimeOffset now)
        {
            if (now - _lostAt >= s_toNotice || now < _lostAt) // a clock that was set back does not hold up the keys
                Lost = null;
        }

        public void Select(int index) => (_selected, Lost) = (Within(index), null);

        private int Within(int index) => _entries.Count == 0 ? -1 : Math.Clamp(index, 0, _entries.Count - 1);
    }
}
