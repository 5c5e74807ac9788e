//! No firewall: gaoler only watches.
//!
//! No ban is ever in force, so none is reported to be; what was released is released at once.

use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use tokio::task::JoinHandle;

use super::order::{Order, Report};

/// Starts the task. It ends at [`Order::Stop`], or when either channel is closed.
pub(super) fn spawn(
    mut orders: UnboundedReceiver<Order>,
    reports: Sender<Report>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(order) = orders.recv().await {
            let heard = match order {
                Order::Stop => return,
                Order::Release(key) => reports.send(Report::Released { key }).await,
                Order::Enforce(..) | Order::Jails(_) | Order::Clear | Order::Look => Ok(()),
            };
            if heard.is_err() {
                return;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::super::testing::{block, demand, key};
    use super::*;

    #[tokio::test]
    async fn nothing_is_in_force_and_what_is_released_is_gone() {
        let (order, orders) = mpsc::unbounded_channel();
        let (reports, mut reported) = mpsc::channel(1);
        let task = spawn(orders, reports);
        order.send(Order::Enforce(demand(key("sshd", 1), block(1, &[22])))).unwrap();
        order.send(Order::Release(key("sshd", 1))).unwrap();
        order.send(Order::Stop).unwrap();
        let report = reported.recv().await;
        assert!(matches!(report, Some(Report::Released { key: k }) if k == key("sshd", 1)));
        assert!(reported.recv().await.is_none());
        task.await.unwrap();
    }
}
